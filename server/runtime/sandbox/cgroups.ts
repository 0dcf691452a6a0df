import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { mkdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { errnoOf } from "#server/std/fault.ts";
import type { Controller, GroupTree } from "./group-trees.ts";

/** The control groups of one sandbox: memory that the kernel itself refuses, a share of the CPU, a number of tasks. */
export type Group = {
  /** Puts a process, which has no threads or children elsewhere yet, into the group. */
  add(pid: number): Promise<void>;
  /** Holds at once, wherever its processes are. */
  boundMemory(bytesMax: number): void;
  /**
   * Moves its processes among those of their organization. Organizations share the CPU equally when all want it, however
   * many sandboxes each has; the sandboxes of one share what is its own.
   */
  joinOrganization(organizationId: string): Promise<void>;
  /** How many of its processes the kernel has killed for memory. */
  oomKills(): number;
  /** To be called once its processes are gone; an organization's group goes with its last sandbox. */
  remove(): Promise<void>;
};

export type GroupHost = {
  readonly controllers: readonly Controller[];
  create(name: string): Promise<Group>;
  /** Removes what is left when all sandboxes are gone. */
  close(): Promise<void>;
};

export type GroupOptions = {
  trees: readonly GroupTree[];
  /** Of this process; groups of processes that are gone are swept. */
  pid: number;
  isAlive: (pid: number) => boolean;
};

/** Tasks, threads included, in one sandbox. */
const TASKS_MAX = 64;
const PREFIX = "sluice-";
/** Where sandboxes are that have no function yet. No organization's id is like it. */
const WAITING = "waiting";

/** The groups of this process in one hierarchy. */
type Tree = GroupTree & {
  /** Organizations are told apart where there is a CPU to share: elsewhere a process would be moved for nothing. */
  hasOrganizations: boolean;
};

/** Makes this process's groups below those found, and removes those of runtimes that were killed. */
export function openGroups({ trees: found, pid, isAlive }: GroupOptions): GroupHost {
  const trees = found.map((tree): Tree => {
    sweep(tree.dir, (owner) => owner === pid || !isAlive(owner));
    const own = { ...tree, dir: join(tree.dir, `${PREFIX}${pid}`), hasOrganizations: tree.controllers.includes("cpu") };
    makeParent(own);
    if (own.hasOrganizations) makeParent({ ...own, dir: join(own.dir, WAITING) });
    return own;
  });
  const members = new Map<string, number>();
  const removals = new Map<string, Promise<void>>();
  return {
    controllers: trees.flatMap(({ controllers }) => controllers),
    async create(name) {
      const group = await createGroup(trees, members, name);
      return {
        ...group,
        remove() {
          const removal = removals.get(name) ?? group.remove().finally(() => removals.delete(name));
          removals.set(name, removal);
          return removal;
        },
      };
    },
    async close() {
      await Promise.all(removals.values());
      for (const { dir } of trees) await removeWhenEmpty(dir);
    },
  };
}

/** A group that holds groups only, and hands its controllers down to them. */
function makeParent(tree: Tree): void {
  mkdirSync(tree.dir, { recursive: true });
  if (tree.version === 2) writeFileSync(join(tree.dir, "cgroup.subtree_control"), handedDown(tree));
}

function handedDown({ controllers }: Tree): string {
  return controllers.map((controller) => `+${controller}`).join(" ");
}

/** Removes groups of runtimes. The kernel refuses to remove a group that has processes. */
function sweep(dir: string, isOver: (owner: number) => boolean): void {
  for (const name of readdirSync(dir)) {
    const owner = Number(name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "");
    if (owner && isOver(owner)) removeAll(join(dir, name));
  }
}

function removeAll(dir: string): void {
  for (const child of groupsIn(dir)) removeAll(join(dir, child));
  removeIfEmpty(dir);
}

/** None where the group is gone meanwhile: another runtime may sweep at the same time. */
function groupsIn(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((child) => (child.isDirectory() ? [child.name] : []));
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENODEV") return [];
    throw error;
  }
}

async function createGroup(trees: readonly Tree[], members: Map<string, number>, name: string): Promise<Group> {
  const places = await Promise.all(
    trees.map(async (tree) => new Place(tree, members, await firstLeaf(tree, name), name)),
  );
  const memory = places.find(({ tree }) => tree.controllers.includes("memory"));
  return {
    // Moving a process takes the kernel 0.1 ms, and now and then 40: not on the thread that serves everyone, and never on
    // all of those at once that write files for it.
    add: async (pid) => {
      for (const place of places) await place.add(pid);
    },
    boundMemory: (bytesMax) => memory?.boundMemory(bytesMax),
    joinOrganization: async (id) => {
      for (const place of places) await place.joinOrganization(id);
    },
    oomKills: () => memory?.oomKills() ?? 0,
    remove: () => removeAllOf(places),
  };
}

async function removeAllOf(places: readonly Place[]): Promise<void> {
  for (const place of places) await place.remove();
}

/** A group of its own where something of it is bounded; to wait for an organization's share, one for all is enough. */
async function firstLeaf(tree: Tree, name: string): Promise<string> {
  if (!tree.hasOrganizations) return makeLeaf(tree, join(tree.dir, name));
  if (tree.controllers.length === 1) return join(tree.dir, WAITING);
  return makeLeaf(tree, join(tree.dir, WAITING, name));
}

async function makeLeaf({ controllers }: Tree, dir: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  if (controllers.includes("pids")) await writeFile(join(dir, "pids.max"), String(TASKS_MAX));
  return dir;
}

/** Where one sandbox is in one hierarchy. */
class Place {
  readonly tree: Tree;
  readonly #members: Map<string, number>;
  readonly #name: string;
  /** What it was charged for in an earlier group stays charged there, so that one is kept and bounded as well. */
  readonly #leaves: string[];
  #pid = 0;
  #memoryBytesMax: number | undefined;
  #organizationId: string | undefined;
  #moving: Promise<void> = Promise.resolve();

  constructor(tree: Tree, members: Map<string, number>, firstLeaf: string, name: string) {
    this.tree = tree;
    this.#members = members;
    this.#leaves = [firstLeaf];
    this.#name = name;
  }

  async add(pid: number): Promise<void> {
    this.#pid = pid;
    for (const leaf of this.#leaves) await enter(leaf, pid);
  }

  boundMemory(bytesMax: number): void {
    this.#memoryBytesMax = bytesMax;
    for (const leaf of this.#leaves) this.#boundLeaf(leaf, bytesMax);
  }

  joinOrganization(organizationId: string): Promise<void> {
    if (!this.tree.hasOrganizations || this.#organizationId !== undefined) return this.#moving;
    this.#organizationId = organizationId;
    this.#members.set(this.#key(), (this.#members.get(this.#key()) ?? 0) + 1);
    this.#moving = this.#move(join(this.tree.dir, organizationId));
    return this.#moving;
  }

  oomKills(): number {
    const file = this.tree.version === 1 ? "memory.oom_control" : "memory.events";
    return this.#leaves.reduce((sum, leaf) => sum + countOf(join(leaf, file)), 0);
  }

  async remove(): Promise<void> {
    await this.#moving.catch(() => undefined); // whoever moved it was told
    for (const leaf of this.#leaves) if (leaf !== join(this.tree.dir, WAITING)) await removeLeaf(leaf);
    if (this.#organizationId === undefined) return;
    const left = (this.#members.get(this.#key()) ?? 1) - 1;
    this.#members.set(this.#key(), left);
    if (left > 0) return;
    this.#members.delete(this.#key());
    removeIfEmpty(join(this.tree.dir, this.#organizationId)); // in this turn, so that nobody joins it meanwhile
  }

  async #move(organizationDir: string): Promise<void> {
    await mkdir(organizationDir, { recursive: true });
    // Each that joins says it, as it can't know whether the one who made the group has got so far.
    if (this.tree.version === 2)
      await writeFile(join(organizationDir, "cgroup.subtree_control"), handedDown(this.tree));
    const leaf = await makeLeaf(this.tree, join(organizationDir, this.#name));
    this.#leaves.push(leaf);
    if (this.#memoryBytesMax !== undefined) this.#boundLeaf(leaf, this.#memoryBytesMax);
    await enter(leaf, this.#pid);
  }

  #key(): string {
    return join(this.tree.dir, this.#organizationId ?? "");
  }

  #boundLeaf(leaf: string, bytesMax: number): void {
    if (!this.tree.controllers.includes("memory")) return;
    const isFirst = this.tree.version === 1;
    writeFileSync(join(leaf, isFirst ? "memory.limit_in_bytes" : "memory.max"), String(bytesMax));
    // What swaps isn't bounded by the above; absent where the kernel counts no swap.
    tryWrite(join(leaf, isFirst ? "memory.memsw.limit_in_bytes" : "memory.swap.max"), isFirst ? String(bytesMax) : "0");
  }
}

/** A process that is gone can't be moved, and needn't be. */
async function enter(leaf: string, pid: number): Promise<void> {
  try {
    await writeFile(join(leaf, "cgroup.procs"), String(pid));
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}

function countOf(path: string): number {
  try {
    return Number(/^oom_kill (\d+)/m.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function tryWrite(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    // An older kernel, or one that counts no swap: one bound fewer.
  }
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // It has processes or groups still: the next start of a runtime sweeps it.
  }
}

const REMOVE_AGAIN_MS = 100;
const REMOVE_TRIES_MAX = 12;

/** The kernel lets go of a group a moment after its last process was reaped. What stays is swept by the next start of a runtime. */
async function removeWhenEmpty(dir: string): Promise<void> {
  for (let tries = 1; tries <= REMOVE_TRIES_MAX; tries += 1) {
    removeAll(dir);
    if (!existsSync(dir)) return;
    await wait(REMOVE_AGAIN_MS);
  }
}

async function removeLeaf(dir: string): Promise<void> {
  for (let tries = 1; tries <= REMOVE_TRIES_MAX; tries += 1) {
    try {
      return await rmdir(dir);
    } catch (error) {
      if (errnoOf(error) !== "EBUSY") return;
      await wait(REMOVE_AGAIN_MS, undefined, { ref: false });
    }
  }
}
