import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { messageOf } from "#server/std/fault.ts";
import { newId } from "#server/std/id.ts";
import type { Group, GroupHost } from "./cgroups.ts";
import { readLines } from "./lines.ts";
import { listenOnSocket } from "./listen-socket.ts";
import type { ResourceBounds } from "./rlimits.ts";
import { memoryBytesBound, type Exit, type OutSocket, type Sandbox, type SandboxHost } from "./sandbox.ts";
import { encodeWorkerConfig, OUT_SOCKET, SOCKET_NAME } from "./worker-config.ts";

/** Descriptors of the child, by number. */
const FD_LISTEN = 3;
const FD_INFO = 4;
const FD_CONTROL = 5;
const FD_SECCOMP = 6;
const REAP_MS_MAX = 2_000;

export type BwrapOptions = {
  /** The runtime's binary, readable by `uid`. */
  workerdPath: string;
  /** Files that its loader needs, read-only in the sandbox, under the same paths. */
  libraryPaths: readonly string[];
  /** Holds the sockets; every folder above it lets `uid` through. */
  socketDir: string;
  /** Whom the process is on the host. Undefined: who we are, when that isn't root. */
  uid: number | undefined;
  /** A file with the program of allowed system calls. */
  seccompPath: string;
  groups: GroupHost;
  bounds: ResourceBounds;
  /** Opens the platform's end of a sandbox's out socket before the sandbox starts. */
  openOutSocket(path: string): Promise<OutSocket>;
  /** Told what went wrong beside the work, and what it costs. */
  onTrouble(message: string, error: unknown): void;
};

/** Starts workerd in namespaces of its own by bubblewrap: no network, a read-only root, two unix sockets. */
export function bwrapHost(options: BwrapOptions): SandboxHost {
  return {
    start: () => start(options),
    close: async () => options.groups.close(),
  };
}

async function start(options: BwrapOptions): Promise<Sandbox> {
  const name = newId("instance").slice("ins_".length);
  const group = await options.groups.create(name);
  try {
    return await startIn(group, name, options);
  } catch (error) {
    void group.remove();
    throw error;
  }
}

async function startIn(group: Group, name: string, options: BwrapOptions): Promise<Sandbox> {
  const inSocketPath = join(options.socketDir, `${name}.in`);
  const outSocketPath = join(options.socketDir, `${name}.out`);
  const out = await options.openOutSocket(outSocketPath);
  const listener = listenOnSocket(inSocketPath);
  const seccompFd = openSync(options.seccompPath, "r"); // bwrap reads it to its end, so each start needs one of its own
  const { program, args } = options.bounds.wrap("bwrap", walls(options, outSocketPath));
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe", listener.fd, "pipe", "pipe", seccompFd],
    env: { NODE_ENV: "production", PATH: "/usr/local/bin:/usr/bin:/bin" },
    // setgroups too: libuv drops supplementary groups with the uid.
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  listener.close(); // the child has its own copy, and of the next
  closeSync(seccompFd);
  const exited = exitOf(child, group);
  const cleanUp = exited.then(async () => {
    await out.close();
    await Promise.all([rm(inSocketPath, { force: true }), rm(outSocketPath, { force: true })]);
  });
  const listening = Promise.race([once(readable(child, FD_CONTROL), "data").then(() => "listening" as const), exited]);
  const pid = await childPid(child, exited);
  // The process has no code of a tenant's yet, so there is no time in which these don't hold.
  try {
    if (!options.bounds.apply(pid)) throw new Error("its resource limits could not be set");
    await group.add(pid);
  } catch (error) {
    killHard(pid);
    throw new Error(`the sandbox did not start: ${messageOf(error)}`, { cause: error });
  }
  child.stdin?.on("error", () => undefined); // EPIPE: it died before it was configured; `exited` says so
  return {
    pid,
    inSocketPath,
    outSocketPath,
    out,
    output: [readable(child, 1), readable(child, 2)],
    listening,
    exited,
    configure(spec) {
      group.boundMemory(memoryBytesBound(spec.limits));
      child.stdin?.end(encodeWorkerConfig(spec));
      // While it reads: the first answer doesn't wait for a share of the CPU.
      group.joinOrganization(spec.organizationId).catch((error: unknown) => {
        options.onTrouble("a sandbox has no share of its organization's CPU; its other bounds hold", error);
      });
    },
    async kill() {
      killHard(pid);
      // bwrap reaps it and ends too. Killed first, it would leave a zombie where nobody reaps orphans.
      const timer = setTimeout(() => child.kill("SIGKILL"), REAP_MS_MAX);
      await cleanUp;
      clearTimeout(timer);
    },
  };
}

function walls({ libraryPaths, workerdPath }: BwrapOptions, outSocketPath: string): string[] {
  return [
    "--unshare-all",
    "--as-pid-1",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
    "--cap-drop",
    "ALL",
    "--seccomp",
    String(FD_SECCOMP),
    "--info-fd",
    String(FD_INFO),
    ...libraryPaths.flatMap((path) => ["--ro-bind", path, path]),
    "--ro-bind",
    workerdPath,
    "/workerd",
    "--ro-bind",
    outSocketPath,
    OUT_SOCKET,
    "--proc",
    "/proc",
    "--dev-bind",
    "/dev/urandom",
    "/dev/urandom",
    "--dev-bind",
    "/dev/null",
    "/dev/null",
    "--remount-ro",
    "/",
    "--",
    "/workerd",
    "serve",
    "--binary",
    "-",
    `-S${SOCKET_NAME}=${FD_LISTEN}`,
    `--control-fd=${FD_CONTROL}`,
  ];
}

/** bwrap tells the pid that the program has on the host; with --as-pid-1 that is workerd itself. */
async function childPid(child: ChildProcess, exited: Promise<Exit>): Promise<number> {
  const info = readable(child, FD_INFO);
  const told = new Promise<number | undefined>((resolve) => {
    let text = "";
    info.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const match = /"child-pid":\s*(\d+)/.exec(text);
      if (match) resolve(Number(match[1]));
    });
  });
  let complaint = "";
  readLines(readable(child, 2), (line) => (complaint ||= line));
  const pid = await Promise.race([told, exited.then(() => undefined)]);
  if (pid === undefined) throw new Error(`the sandbox did not start: ${complaint || "bwrap said nothing"}`);
  return pid;
}

function readable(child: ChildProcess, fd: number): Readable {
  const stream = child.stdio?.[fd];
  if (stream instanceof Readable) return stream;
  throw new Error(`descriptor ${fd} of the sandbox is not readable`);
}

function exitOf(child: ChildProcess, group: Group): Promise<Exit> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      resolve({ code, signal, isOutOfMemory: group.oomKills() > 0 });
      void group.remove();
    });
    // It never ran: no process may be made, or no descriptor is left. Whoever waits for its pid is told.
    child.once("error", () => {
      resolve({ code: null, signal: null, isOutOfMemory: false });
      void group.remove();
    });
  });
}

function killHard(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already, which is what was wanted.
  }
}
