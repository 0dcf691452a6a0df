import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "#server/runtime/test-runtime.ts";
import { openGroups, type GroupHost } from "./cgroups.ts";
import { findTrees } from "./group-trees.ts";
import { delegateGroup, type Delegation } from "./test-delegation.ts";

const all = ["memory", "cpu", "pids"] as const;
const nobodyElse = { pid: 42, isAlive: () => true };

test("with version 2, a sandbox waits in a group of its own, and then is among its organization's, bounded in both", async () => {
  const dir = mkdtempSync(join(tmpdir(), "sluice-cgroup-"));
  const groups = openGroups({ trees: [{ version: 2, controllers: all, dir }], ...nobodyElse });
  const read = (file: string) => readFileSync(join(dir, "sluice-42", file), "utf8");
  const group = await groups.create("one");
  await group.add(77);
  expect([read("waiting/one/cgroup.procs"), read("waiting/one/pids.max")]).toEqual(["77", "64"]);
  group.boundMemory(1234);
  await group.joinOrganization("org_a");
  for (const file of ["cgroup.subtree_control", "waiting/cgroup.subtree_control", "org_a/cgroup.subtree_control"])
    expect([file, read(file)]).toEqual([file, "+memory +cpu +pids"]);
  for (const leaf of ["waiting/one", "org_a/one"])
    expect([read(`${leaf}/memory.max`), read(`${leaf}/memory.swap.max`), read(`${leaf}/pids.max`)]).toEqual([
      "1234",
      "0",
      "64",
    ]);
  expect(read("org_a/one/cgroup.procs")).toBe("77");
  writeFileSync(join(dir, "sluice-42/waiting/one/memory.events"), "low 0\noom 1\noom_kill 1\noom_group_kill 0\n");
  writeFileSync(join(dir, "sluice-42/org_a/one/memory.events"), "low 0\noom 3\noom_kill 2\noom_group_kill 0\n");
  expect(group.oomKills()).toBe(3);
});

test("with version 1, a process is moved in the CPU's hierarchy only, where organizations share", async () => {
  const dir = mkdtempSync(join(tmpdir(), "sluice-cgroup-"));
  const trees = all.map((controller) => {
    mkdirSync(join(dir, controller));
    return { version: 1, controllers: [controller], dir: join(dir, controller) } as const;
  });
  const groups = openGroups({ trees, ...nobodyElse });
  const group = await groups.create("one");
  await group.add(7);
  group.boundMemory(99);
  await group.joinOrganization("org_a");
  const read = (file: string) => readFileSync(join(dir, file), "utf8");
  expect([read("memory/sluice-42/one/memory.limit_in_bytes"), read("pids/sluice-42/one/pids.max")]).toEqual([
    "99",
    "64",
  ]);
  expect([read("cpu/sluice-42/waiting/cgroup.procs"), read("cpu/sluice-42/org_a/one/cgroup.procs")]).toEqual([
    "7",
    "7",
  ]);
  expect([readdirSync(join(dir, "memory/sluice-42")), readdirSync(join(dir, "pids/sluice-42"))]).toEqual([
    ["one"],
    ["one"],
  ]);
});

test("without groups, everything that they do is nothing", async () => {
  const groups = openGroups({ trees: [], ...nobodyElse });
  const group = await groups.create("one");
  await group.add(1);
  group.boundMemory(1);
  await group.joinOrganization("org_a");
  await group.remove();
  expect([groups.controllers, group.oomKills()]).toEqual([[], 0]);
});

test("where a group may be made, the kernel refuses the fork past the bound, shares the CPU by organization, and keeps nothing; where not, it says so", async () => {
  const delegation = delegateGroup(`sluice-test-cgroups-${process.pid}`);
  if (delegation.kind !== "made") return expectNoGroups(delegation);
  try {
    await holdTasks(delegation);
    await leaveNothing(delegation);
  } finally {
    await delegation.remove();
  }
});

/** The test can't make a group: then neither could an operator as us, and none must be claimed. */
function expectNoGroups(delegation: Exclude<Delegation, { kind: "made" }>): void {
  if (delegation.kind === "bounded") return expect(delegation.bytes).toBeGreaterThan(0);
  expect(["EACCES", "EPERM", "EROFS", "ENOENT", "EBUSY"]).toContain(delegation.errno);
  expect(hostGroups("/sluice-test-none").controllers).toEqual([]);
}

function hostGroups(parent: string): GroupHost {
  const ownGroups = readFileSync("/proc/self/cgroup", "utf8");
  const { trees } = findTrees({ mountDir: "/sys/fs/cgroup", ownGroups, parent, uid: process.getuid?.() ?? 0 });
  return openGroups({ trees, pid: process.pid, isAlive: (pid) => existsSync(`/proc/${pid}`) });
}

/** A real group around a real shell. */
async function holdTasks({ parent }: Extract<Delegation, { kind: "made" }>): Promise<void> {
  const groups = hostGroups(parent);
  expect(groups.controllers.toSorted()).toEqual(["cpu", "memory", "pids"]);
  const group = await groups.create("forks");
  // Each stays until the end, however slow the machine is, and all are of one process group.
  const script = "read go; i=0; while [ $i -lt 80 ]; do sleep 60 & i=$((i+1)); done";
  const shell = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "pipe"], detached: true });
  let said = "";
  shell.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await group.add(shell.pid ?? 0);
  await group.joinOrganization("org_forks");
  shell.stdin.end("go\n");
  await once(shell, "exit");
  process.kill(-(shell.pid ?? 0), "SIGKILL");
  expect(said.toLowerCase()).toContain("cannot fork");
  await group.remove();
  await groups.close();
}

/** Groups of a runtime that was killed are swept; an organization's goes with its last sandbox, and not before. */
async function leaveNothing({ parent, dirOf }: Extract<Delegation, { kind: "made" }>): Promise<void> {
  const dead = spawn("/bin/true");
  await once(dead, "exit");
  const left = join(dirOf("pids"), `sluice-${dead.pid}`);
  mkdirSync(join(left, "org_x/instance"), { recursive: true });
  const groups = hostGroups(parent);
  expect(existsSync(left)).toBe(false);
  const organizationDir = join(dirOf("cpu"), `sluice-${process.pid}`, "org_a");
  const [one, two] = [await groups.create("one"), await groups.create("two")];
  const sleepers: ChildProcess[] = [];
  for (const group of [one, two]) {
    const sleeper = spawn("sleep", ["60"]);
    sleepers.push(sleeper);
    await group.add(sleeper.pid ?? 0);
  }
  await Promise.all([one.joinOrganization("org_a"), two.joinOrganization("org_a")]);
  const [first, second] = sleepers;
  expect(readFileSync(join(organizationDir, "two/cgroup.procs"), "utf8").trim()).toBe(String(second?.pid));
  await endOf(first);
  await one.remove();
  expect(readdirSync(organizationDir).includes("two")).toBe(true);
  await endOf(second);
  await two.remove();
  expect(existsSync(organizationDir)).toBe(false);
  await groups.close();
  const remaining = await eventually(
    async () => all.filter((controller) => existsSync(join(dirOf(controller), `sluice-${process.pid}`))),
    (dirs) => dirs.length === 0,
  );
  expect(remaining).toEqual([]);
}

async function endOf(child: ChildProcess | undefined): Promise<void> {
  if (!child) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
