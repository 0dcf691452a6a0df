import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "#server/runtime/test-runtime.ts";
import { openGroups } from "./cgroups.ts";

const MOUNT_DIR = "/sys/fs/cgroup";

function fakeMount(...files: string[]): string {
  const dir = mkdtempSync(join(tmpdir(), "sluice-cgroup-"));
  for (const file of files) {
    mkdirSync(join(dir, file, ".."), { recursive: true });
    writeFileSync(join(dir, file), "");
  }
  return dir;
}

const nobodyElse = { pid: 42, isAlive: () => true };

test("with version 2 at the root, all three controllers are handed down and the bounds written", async () => {
  const mountDir = fakeMount("cgroup.subtree_control");
  const groups = openGroups({ mountDir, ownGroups: "0::/\n", ...nobodyElse });
  expect(groups.controllers).toEqual(["memory", "cpu", "pids"]);
  const group = groups.create("one");
  await group.add(77);
  group.bound({ memoryBytesMax: 1234 });
  const read = (file: string) => readFileSync(join(mountDir, "sluice-42", "one", file), "utf8");
  expect([read("cgroup.procs"), read("memory.max"), read("pids.max"), read("cpu.weight")]).toEqual([
    "77",
    "1234",
    "64",
    "25",
  ]);
  writeFileSync(join(mountDir, "sluice-42", "one", "memory.events"), "low 0\noom 3\noom_kill 2\noom_group_kill 0\n");
  expect(group.oomKills()).toBe(2);
});

test("with version 1, each controller has its own tree", () => {
  const mountDir = fakeMount("memory/tasks", "cpu/tasks", "pids/tasks");
  const groups = openGroups({ mountDir, ownGroups: "4:memory:/\n3:cpu,cpuacct:/\n8:pids:/\n0::/\n", ...nobodyElse });
  const group = groups.create("one");
  group.bound({ memoryBytesMax: 99 });
  const read = (controller: string, file: string) =>
    readFileSync(join(mountDir, controller, "sluice-42", "one", file), "utf8");
  expect([read("memory", "memory.limit_in_bytes"), read("pids", "pids.max"), read("cpu", "cpu.shares")]).toEqual([
    "99",
    "64",
    "256",
  ]);
});

test("a group that something else put this process into is neither left nor divided", () => {
  const mountDir = fakeMount("memory/tasks", "cgroup.subtree_control");
  expect(
    openGroups({ mountDir, ownGroups: "4:memory:/runner/7\n0::/system.slice/x.service\n", ...nobodyElse }).controllers,
  ).toEqual([]);
});

test("no cgroups mounted at all is no error", async () => {
  const groups = openGroups({ mountDir: "/nowhere", ownGroups: "0::/\n", ...nobodyElse });
  const group = groups.create("one");
  await group.add(1);
  group.bound({ memoryBytesMax: 1 });
  group.remove();
  expect([groups.controllers, group.oomKills()]).toEqual([[], 0]);
});

const ownGroups = readFileSync("/proc/self/cgroup", "utf8");
const canBoundTasks = process.getuid?.() === 0 && /:pids:\/$/m.test(ownGroups);

test("where groups may be made, the kernel refuses the fork past the bound and leaves nothing; where not, none is claimed", async () => {
  if (canBoundTasks) return boundTasks();
  const groups = openGroups({ mountDir: MOUNT_DIR, ownGroups, pid: process.pid, isAlive: () => true });
  expect(groups.controllers).not.toContain("pids");
});

/** A real group around a real shell, and the group of a runtime that is no more. */
async function boundTasks(): Promise<void> {
  const dead = spawn("/bin/true");
  await once(dead, "exit");
  const left = join(MOUNT_DIR, "pids", `sluice-${dead.pid}`);
  mkdirSync(join(left, "instance"), { recursive: true });
  const groups = openGroups({
    mountDir: MOUNT_DIR,
    ownGroups,
    pid: process.pid,
    isAlive: (pid) => existsSync(`/proc/${pid}`),
  });
  expect(existsSync(left)).toBe(false);
  const group = groups.create(`test-${process.pid}`);
  const shell = spawn("/bin/sh", ["-c", "read go; i=0; while [ $i -lt 80 ]; do sleep 0.2 & i=$((i+1)); done; wait"], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  let said = "";
  shell.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await group.add(shell.pid ?? 0);
  shell.stdin.end("go\n");
  await once(shell, "exit");
  expect(said.toLowerCase()).toContain("cannot fork");
  group.remove();
  const dir = join(MOUNT_DIR, "pids", `sluice-${process.pid}`);
  await eventually(
    async () => existsSync(join(dir, `test-${process.pid}`)),
    (exists) => !exists,
  );
  expect(existsSync(join(dir, `test-${process.pid}`))).toBe(false);
  execFileSync("rmdir", [dir]);
}
