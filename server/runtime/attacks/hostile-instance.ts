import { readdirSync, renameSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { errnoOf } from "#server/std/fault.ts";
import { readChunks } from "./raw-http.ts";

/** What the process of an instance does with the bytes of a request, when it is no longer workerd that runs in it. */
export type Behaviour = (request: string, socket: Socket) => void;

const LOOK_EVERY_MS = 5;

/**
 * Stands where sandboxes answer, as machine code would that took over workerd: what a gateway sends arrives here, and
 * what is written goes to it byte for byte. Real sandboxes start behind it, so that all else is as it is.
 */
export function takeOverInstances(runDir: string, host: string): HostileInstances {
  const socketDirs = (): string[] => readdirSync(runDir).filter((name) => /^s\d+$/.test(name));
  const servers = new Map<string, Server>();
  const state: { behave: Behaviour; received: string[] } = { behave: () => undefined, received: [] };
  const takeOver = (): void => {
    const sockets = socketDirs().flatMap((dir) =>
      readdirSync(join(runDir, dir)).map((name) => join(runDir, dir, name)),
    );
    for (const path of sockets) {
      if (!path.endsWith(".in") || servers.has(path)) continue;
      try {
        renameSync(path, `${path}.real`);
      } catch (error) {
        if (errnoOf(error) === "ENOENT") continue;
        throw error;
      }
      const server = createServer((socket) => serve(socket, { host, realPath: `${path}.real`, state })).listen(path);
      servers.set(path, server);
    }
  };
  takeOver();
  const timer = setInterval(takeOver, LOOK_EVERY_MS);
  return {
    behave(behaviour) {
      state.behave = behaviour;
      state.received = [];
    },
    received: () => state.received,
    stop() {
      clearInterval(timer);
      for (const server of servers.values()) server.close();
    },
  };
}

export type HostileInstances = {
  behave(behaviour: Behaviour): void;
  /** The heads of the requests that arrived since the last change of behaviour, read by the rules of RFC 9112. */
  received(): readonly string[];
  stop(): void;
};

type Taken = { host: string; realPath: string; state: { behave: Behaviour; received: string[] } };

function serve(socket: Socket, { host, realPath, state }: Taken): void {
  let pending = "";
  /** Of the request that is being read, once its head is there. */
  let head: string | undefined;
  socket.on("error", () => undefined);
  socket.on("data", function read(chunk: Buffer) {
    pending += chunk.toString("latin1");
    for (;;) {
      if (head !== undefined) {
        const rest = afterBody(head, pending);
        if (rest === undefined) return;
        [pending, head] = [rest, undefined];
      }
      const end = pending.indexOf("\r\n\r\n");
      if (end < 0) return;
      head = pending.slice(0, end + 4);
      if (!head.toLowerCase().includes(`\r\nhost: ${host}\r\n`)) {
        socket.off("data", read);
        passOn(socket, pending, realPath);
        return;
      }
      pending = pending.slice(head.length);
      state.received.push(head);
      state.behave(head, socket);
    }
  });
}

/** What follows a request's body, or undefined while it isn't all there. */
function afterBody(head: string, text: string): string | undefined {
  const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0);
  if (/^transfer-encoding: chunked\r$/im.test(head)) return readChunks(text)?.rest;
  return text.length < length ? undefined : text.slice(length);
}

function passOn(socket: Socket, begun: string, realPath: string): void {
  const real = connect(realPath, () => {
    real.write(begun, "latin1");
    socket.pipe(real).pipe(socket);
  });
  real.on("error", () => socket.destroy());
  real.on("close", () => socket.destroy());
  socket.on("close", () => real.destroy());
}
