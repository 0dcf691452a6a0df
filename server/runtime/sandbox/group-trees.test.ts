import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { adviceFor } from "./group-advice.ts";
import { CONTROLLERS, findTrees, type Obstacle } from "./group-trees.ts";

/** Folders and files as a mount of control groups has them. */
function fakeMount(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), "sluice-cgroup-"));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(dir, file, ".."), { recursive: true });
    writeFileSync(join(dir, file), text);
  }
  return dir;
}

const find = (mountDir: string, ownGroups: string, parent?: string) =>
  findTrees({ mountDir, ownGroups, parent, uid: process.getuid?.() ?? 0 });
const kinds = (obstacles: ReadonlyMap<string, Obstacle>) =>
  Object.fromEntries([...obstacles].map(([controller, { kind }]) => [controller, kind]));

test("at the root of version 2, all controllers are handed down and groups made below it", () => {
  const mountDir = fakeMount({ "cgroup.subtree_control": "" });
  const { trees, obstacles } = find(mountDir, "0::/\n");
  expect(trees).toEqual([{ version: 2, controllers: ["memory", "cpu", "pids"], dir: mountDir }]);
  expect(kinds(obstacles)).toEqual({});
});

test("with version 1, each hierarchy is a tree of its own, and one with two names is one tree", () => {
  const mountDir = fakeMount({ "memory/tasks": "", "cpu/tasks": "", "pids/tasks": "" });
  const { trees } = find(mountDir, "4:memory:/\n3:cpu,cpuacct:/\n8:pids:/\n0::/\n");
  expect(trees.map(({ version, controllers, dir }) => [version, controllers, dir])).toEqual([
    [1, ["memory"], join(mountDir, "memory")],
    [1, ["cpu"], join(mountDir, "cpu")],
    [1, ["pids"], join(mountDir, "pids")],
  ]);
});

test("a group that something else put this process into is neither left nor divided", () => {
  const mountDir = fakeMount({ "memory/tasks": "", "cgroup.subtree_control": "" });
  const { trees, obstacles } = find(mountDir, "4:memory:/runner/7\n0::/system.slice/x.service\n");
  expect(trees).toEqual([]);
  expect(kinds(obstacles)).toEqual({
    memory: "in_anothers_group",
    cpu: "in_anothers_group",
    pids: "in_anothers_group",
  });
});

test("below the group that an operator names, groups are made whatever group this process is in", () => {
  const one = fakeMount({ "memory/sluice/tasks": "", "cpu/tasks": "", "pids/runner/tasks": "" });
  const found = find(one, "4:memory:/runner\n3:cpu:/\n2:pids:/runner\n", "/sluice");
  expect(found.trees.map(({ dir }) => dir)).toEqual([join(one, "memory/sluice"), join(one, "cpu")]);
  expect(kinds(found.obstacles)).toEqual({ pids: "no_such_group" });

  const two = fakeMount({
    "cgroup.subtree_control": "",
    "cgroup.procs": "",
    "sluice/cgroup.subtree_control": "",
    "sluice/cgroup.type": "domain\n",
  });
  expect(find(two, "0::/system.slice/x.service\n", "/sluice").trees).toEqual([
    { version: 2, controllers: ["memory", "cpu", "pids"], dir: join(two, "sluice") },
  ]);
  expect(readFileSync(join(two, "sluice/cgroup.subtree_control"), "utf8")).toBe("+pids");
  expect(kinds(find(two, "0::/system.slice/x.service\n", "/other").obstacles).memory).toBe("no_such_group");
});

test("a threaded group of version 2 is refused, as none of its kind bounds memory", () => {
  const mountDir = fakeMount({
    "cgroup.subtree_control": "",
    "sluice/cgroup.subtree_control": "",
    "sluice/cgroup.type": "domain threaded\n",
  });
  expect(kinds(find(mountDir, "0::/\n", "/sluice").obstacles)).toEqual({
    memory: "threaded",
    cpu: "threaded",
    pids: "threaded",
  });
});

test("a group of version 2 in which something else runs is left as it is", () => {
  const mountDir = fakeMount({
    "cgroup.subtree_control": "",
    "busy/cgroup.subtree_control": "",
    "busy/cgroup.type": "domain\n",
    "busy/cgroup.procs": "4711\n",
  });
  expect(kinds(find(mountDir, "0::/\n", "/busy").obstacles)).toEqual({
    memory: "has_processes",
    cpu: "has_processes",
    pids: "has_processes",
  });
  expect(readFileSync(join(mountDir, "busy/cgroup.subtree_control"), "utf8")).toBe("");
});

test("no control groups mounted at all is no error", () => {
  const { trees, obstacles } = find("/nowhere", "0::/\n");
  expect([trees, kinds(obstacles)]).toEqual([[], { memory: "not_mounted", cpu: "not_mounted", pids: "not_mounted" }]);
});

const everyObstacle: Obstacle[] = [
  { kind: "not_mounted" },
  { kind: "in_anothers_group", version: 1, group: "/runner/7" },
  { kind: "in_anothers_group", version: 2, group: "/system.slice/sluice.service" },
  { kind: "in_anothers_group", version: 2, group: "/user.slice/a.scope" },
  { kind: "no_such_group", version: 1, dir: "/sys/fs/cgroup/memory/sluice" },
  { kind: "not_writable", version: 2, dir: "/sys/fs/cgroup/sluice" },
  { kind: "has_processes", version: 2, dir: "/sys/fs/cgroup/sluice" },
  { kind: "not_handed_down", version: 2, dir: "/sys/fs/cgroup/sluice" },
  { kind: "threaded", version: 2, dir: "/sys/fs/cgroup/sluice" },
  { kind: "no_way_in", version: 2, dir: "/sys/fs/cgroup" },
];

test("for every obstacle there are commands that would remove it, for root without sudo", () => {
  for (const obstacle of everyObstacle)
    for (const uid of [0, 1000]) {
      const { reason, commands } = adviceFor("memory", obstacle, uid);
      expect([obstacle.kind, reason.length > 10, commands.length > 0]).toEqual([obstacle.kind, true, true]);
      if (uid === 0) expect(commands.join("\n")).not.toMatch(/sudo|chown/);
    }
  const unit = adviceFor("memory", everyObstacle[2] ?? { kind: "not_mounted" }, 0).commands.join("\n");
  expect(unit).toContain("Delegate=yes\\nEnvironment=CGROUP_PARENT=/system.slice/sluice.service");
  expect(adviceFor("cpu", everyObstacle[1] ?? { kind: "not_mounted" }, 1000).commands).toEqual([
    "sudo mkdir /sys/fs/cgroup/cpu/sluice",
    "sudo chown -R 1000 /sys/fs/cgroup/cpu/sluice",
    "CGROUP_PARENT=/sluice   # in .env, then start Sluice again",
  ]);
  expect(CONTROLLERS).toEqual(["memory", "cpu", "pids"]);
});
