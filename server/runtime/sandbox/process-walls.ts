import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What the kernel says of one process: which walls stand around it. */
export type ProcessWalls = {
  /** Of /proc/PID/status, by the kernel's names: "Seccomp", "NoNewPrivs", "CapEff", "Uid". */
  status: ReadonlyMap<string, string>;
  /** Names of the namespaces that it doesn't share with this process. */
  ownNamespaces: readonly string[];
  /** Soft limits of /proc/PID/limits, by the kernel's names. */
  limits: ReadonlyMap<string, string>;
  /** Names of its network's interfaces. */
  interfaces: readonly string[];
};

const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] as const;

export function readProcessWalls(pid: number): ProcessWalls {
  const read = (name: string): string => readFileSync(`/proc/${pid}/${name}`, "utf8");
  return {
    status: new Map(
      [...read("status").matchAll(/^(\w+):[^\S\n]*(.*)$/gm)].map(([, name, value]) => [name ?? "", value ?? ""]),
    ),
    ownNamespaces: NAMESPACES.filter(
      (name) => readlinkSync(`/proc/${pid}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`),
    ),
    limits: new Map(
      [...read("limits").matchAll(/^(Max [a-z ]+?)\s{2,}(\S+)/gm)].map(([, name, value]) => [name ?? "", value ?? ""]),
    ),
    interfaces: [...read("net/dev").matchAll(/^\s*(\S+):/gm)].map((match) => match[1] ?? ""),
  };
}

/** The processes below `rootPid`, however deep, that run the program `name`. */
export function descendants(rootPid: number, name: string): number[] {
  const children = new Map<number, number[]>();
  const names = new Map<number, string>();
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!pid) continue;
    try {
      const [, comm = "", parent = ""] =
        /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      names.set(pid, comm);
      children.set(Number(parent), [...(children.get(Number(parent)) ?? []), pid]);
    } catch {
      // It ended while we looked.
    }
  }
  const found: number[] = [];
  const queue = [rootPid];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    if (names.get(pid) === name) found.push(pid);
    queue.push(...(children.get(pid) ?? []));
  }
  return found;
}
