import type { Readable } from "node:stream";
import type { FunctionLimits } from "#server/contract/limits.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";

/** How a sandboxed process ended. `isOutOfMemory`: the kernel says that it ended it for its group's memory. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null; isOutOfMemory: boolean };

const MB = 1024 * 1024;
/**
 * workerd's own private memory beside the function's heap. Functions that keep nothing came to 53 to 100 MB in all under
 * full load, with a limit of 32 to 128 MB, and to 184 MB with one of 1,024, now that V8 collects in time (guest.ts); the
 * heap may be full on top of that. Before it did, 256 MB here were too few for some of them.
 */
const RUNTIME_MB = 160;

/** What a sandbox may hold, its runtime included, when the function may hold `memoryMbMax`. */
export function memoryBytesBound({ memoryMbMax }: Pick<FunctionLimits, "memoryMbMax">): number {
  return (memoryMbMax + RUNTIME_MB) * MB;
}

/** How many calls an instance has ever begun (in 32 bits), and how many are being worked on, work after answers included. */
export type CallCounts = { readonly begun: number; readonly shares: number };

/** Whose function a sandbox has, as the platform's end of its out socket knows it. */
export type OutOwner = {
  readonly calls: CallCounts;
  /** Tells the function's owner, who is told the same at most every 10 s. */
  notice(message: string): void;
  /** Whether so many more bytes may leave, which are then counted. */
  send(bytes: number): boolean;
};

/** The platform's end of a sandbox's out socket: what leaves the function, and where its bindings lead. */
export type OutSocket = {
  /** The sandbox has a function now. */
  configure(spec: VersionSpec, owner: OutOwner): void;
  close(): Promise<void>;
};

/** One sandboxed process of the function runtime, not yet given a function. */
export interface Sandbox {
  /** As the host numbers it, for the CPU clock and for signals. */
  readonly pid: number;
  /** Where requests go; connecting works from the moment the sandbox exists. */
  readonly inSocketPath: string;
  /** Where what leaves the function arrives: the platform listens here, and only this sandbox can connect. */
  readonly outSocketPath: string;
  readonly out: Omit<OutSocket, "close">;
  /** Everything that the process prints. Must be read, or it blocks. */
  readonly output: readonly Readable[];
  /** Resolves when the function accepts requests, or when the process ended before it did. */
  readonly listening: Promise<"listening" | Exit>;
  readonly exited: Promise<Exit>;
  /** Hands over the function; once. */
  configure(spec: VersionSpec): void;
  /** Ends it at once, whatever it does, and resolves when it is gone and its sockets are removed. */
  kill(): Promise<void>;
}

/** What starts sandboxes. The adapters: bwrap.ts. */
export interface SandboxHost {
  start(): Promise<Sandbox>;
  /** Removes what it keeps on the machine, once all its sandboxes are gone. */
  close(): Promise<void>;
}
