import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "#server/std/fault.ts";

/** What a control group can hold of a sandbox: its memory, its share of the CPU, its number of tasks. */
export type Controller = "memory" | "cpu" | "pids";

export const CONTROLLERS: readonly Controller[] = ["memory", "cpu", "pids"];

/** A hierarchy in which we may make groups: in version 1 there is one a controller as a rule, in version 2 one for all. */
export type GroupTree = {
  version: 1 | 2;
  controllers: readonly Controller[];
  /** The group below which ours are made. */
  dir: string;
};

/** Why no groups are made for a controller. */
export type Obstacle =
  /** The kernel has it not, or its hierarchy is not mounted here. */
  | { kind: "not_mounted" }
  /** This process is in a group that something else made, and no operator has named one for us. */
  | { kind: "in_anothers_group"; version: 1 | 2; group: string }
  /** The operator named a group that isn't there. */
  | { kind: "no_such_group"; version: 1 | 2; dir: string }
  | { kind: "not_writable"; version: 1 | 2; dir: string }
  /** Version 2: a group with processes of its own hands no controllers down, and those are not ours to move. */
  | { kind: "has_processes"; version: 2; dir: string }
  /** Version 2: the group above keeps the controller to itself. */
  | { kind: "not_handed_down"; version: 2; dir: string }
  /** Version 2: a threaded group has no groups with memory below it. */
  | { kind: "threaded"; version: 2; dir: string }
  /** Version 2: an ordinary user moves processes only where the group above both places is the user's too. */
  | { kind: "no_way_in"; version: 2; dir: string };

export type FoundTrees = { trees: readonly GroupTree[]; obstacles: ReadonlyMap<Controller, Obstacle> };

export type TreeOptions = {
  /** Where control groups are mounted, as a rule /sys/fs/cgroup. */
  mountDir: string;
  /** /proc/self/cgroup: in which group this process is, by hierarchy. */
  ownGroups: string;
  /** A group that the operator made for us, as /proc/self/cgroup would name it: "/sluice". */
  parent: string | undefined;
  /** The account of this process: what binds ordinary users does not bind root. */
  uid: number;
};

/** Where processes go that are in the operator's group itself, so that it may hand down controllers. */
const PLATFORM_GROUP = "sluice-platform";
const GATHER_ROUNDS_MAX = 20;

/**
 * Looks for each controller where groups may be made: below the group that the operator names, else below the root of a
 * hierarchy in which this process is, as in a container or on a plain host. Any other group is its maker's to divide
 * (systemd's, a job runner's), and nothing is moved out of it. In version 2 the controllers are then handed down.
 */
export function findTrees(options: TreeOptions): FoundTrees {
  const trees: GroupTree[] = [];
  const obstacles = new Map<Controller, Obstacle>();
  let left = CONTROLLERS;
  for (const { names, group } of parseOwnGroups(options.ownGroups)) {
    const controllers = left.filter((controller) => names.includes(controller));
    const [first] = controllers;
    if (first === undefined) continue;
    left = left.filter((controller) => !controllers.includes(controller));
    const found = versionOne(join(options.mountDir, first), group, options);
    if (typeof found === "string") trees.push({ version: 1, controllers, dir: found });
    else for (const controller of controllers) obstacles.set(controller, found);
  }
  const unified = left.length === 0 ? { controllers: [], dir: "" } : versionTwo(left, options, obstacles);
  if (unified.controllers.length > 0) trees.push({ version: 2, ...unified });
  return { trees, obstacles };
}

/** "3:cpu,cpuacct:/a" is one hierarchy of version 1 with two names; "0::/b" is that of version 2, without names. */
function parseOwnGroups(text: string): { names: string[]; group: string }[] {
  return text.split("\n").flatMap((line) => {
    const [, names, group] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return names === undefined || group === undefined ? [] : [{ names: names.split(","), group }];
  });
}

function versionOne(rootDir: string, group: string, { parent }: TreeOptions): string | Obstacle {
  if (!existsSync(rootDir)) return { kind: "not_mounted" };
  const named = below(rootDir, parent ?? "/");
  const isNamed = parent !== undefined && isDirectory(named);
  // A group may be named for the one hierarchy that needs it: the others go on as without.
  if (!isNamed && group !== "/")
    return parent === undefined
      ? { kind: "in_anothers_group", version: 1, group }
      : { kind: "no_such_group", version: 1, dir: named };
  const dir = isNamed ? named : rootDir;
  return isWritable(dir) ? dir : { kind: "not_writable", version: 1, dir };
}

function versionTwo(
  wanted: readonly Controller[],
  options: TreeOptions,
  obstacles: Map<Controller, Obstacle>,
): { controllers: Controller[]; dir: string } {
  const rootDir = [options.mountDir, join(options.mountDir, "unified")].find((dir) =>
    existsSync(join(dir, "cgroup.subtree_control")),
  );
  const own = parseOwnGroups(options.ownGroups).find(({ names }) => names.join("") === "")?.group;
  const dir = rootDir === undefined ? "" : below(rootDir, options.parent ?? "/");
  const forAll = rootDir === undefined || own === undefined ? notMounted : obstacleAt({ rootDir, dir, own }, options);
  const controllers = wanted.filter((controller) => {
    const obstacle = forAll ?? handDown(dir, controller);
    if (obstacle) obstacles.set(controller, obstacle);
    return !obstacle;
  });
  return { controllers, dir };
}

const notMounted: Obstacle = { kind: "not_mounted" };

type Place = { rootDir: string; dir: string; own: string };

/** What keeps all controllers of version 2 from us; processes of ours that are in the way are moved aside first. */
function obstacleAt({ rootDir, dir, own }: Place, { parent, uid }: TreeOptions): Obstacle | undefined {
  if (parent === undefined && own !== "/") return { kind: "in_anothers_group", version: 2, group: own };
  if (!isDirectory(dir)) return { kind: "no_such_group", version: 2, dir };
  if (!isWritable(dir)) return { kind: "not_writable", version: 2, dir };
  const type = readIfThere(join(dir, "cgroup.type")).trim(); // the root of all has none
  if (type !== "" && type !== "domain") return { kind: "threaded", version: 2, dir };
  const ancestor = below(rootDir, commonAncestor(own, parent ?? "/"));
  if (uid !== 0 && !isWritable(join(ancestor, "cgroup.procs"))) return { kind: "no_way_in", version: 2, dir: ancestor };
  // It was delegated to the service that we are part of, as systemd's Delegate= does: what runs in it is ours.
  if (type === "domain" && parent === own) gatherProcesses(dir);
  // The kernel would let such a group hand down all but memory, and make it a threaded one, with whoever is in it.
  const hasProcesses = type === "domain" && readIfThere(join(dir, "cgroup.procs")).trim() !== "";
  return hasProcesses ? { kind: "has_processes", version: 2, dir } : undefined;
}

/**
 * Moves the processes of a group into one below it. Those that fork meanwhile leave a child behind, so it looks again.
 * Where some stay, handing down tells.
 */
function gatherProcesses(dir: string): void {
  const aside = join(dir, PLATFORM_GROUP);
  for (let round = 0; round < GATHER_ROUNDS_MAX; round += 1) {
    const pids = readIfThere(join(dir, "cgroup.procs")).split("\n").filter(Boolean);
    if (pids.length === 0) return;
    mkdirSync(aside, { recursive: true });
    for (const pid of pids) failureOf(() => writeFileSync(join(aside, "cgroup.procs"), pid)); // some end meanwhile
  }
}

/** Lets groups below `dir` have the controller. */
function handDown(dir: string, controller: Controller): Obstacle | undefined {
  const errno = failureOf(() => writeFileSync(join(dir, "cgroup.subtree_control"), `+${controller}`));
  switch (errno) {
    case undefined:
      return undefined;
    case "EBUSY":
      return { kind: "has_processes", version: 2, dir };
    case "EOPNOTSUPP":
    case "ENOTSUP":
      return { kind: "threaded", version: 2, dir };
    case "ENOENT": // the kernel's word for a controller that isn't there
    case "EINVAL": // and for one that it doesn't know
      return { kind: "not_handed_down", version: 2, dir };
    default:
      return { kind: "not_writable", version: 2, dir };
  }
}

/** A group's folder; groups are named with a slash before them. */
function below(rootDir: string, group: string): string {
  return group === "/" ? rootDir : join(rootDir, group);
}

function commonAncestor(one: string, other: string): string {
  const [a, b] = [one, other].map((path) => path.split("/").filter(Boolean));
  const shared = (a ?? []).findIndex((name, at) => name !== b?.[at]);
  return `/${(a ?? []).slice(0, shared < 0 ? a?.length : shared).join("/")}`;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isWritable(path: string): boolean {
  return failureOf(() => accessSync(path, constants.W_OK)) === undefined;
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** The kernel's word for why not, or undefined when it worked. */
function failureOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return errnoOf(error) ?? "unknown";
  }
}
