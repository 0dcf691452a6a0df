import { chmod, chown } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { VersionSpec } from "#server/contract/prepare.ts";
import type { OutSocket } from "#server/runtime/sandbox/sandbox.ts";
import type { Log } from "#server/std/log.ts";
import { refuseBinding, type BindingDoor } from "./binding-door.ts";
import { EgressBudget, EXCHANGE_MS_MAX, type EgressTotals, type Exchange } from "./egress-budget.ts";
import { passFetch, refuseFetch } from "./egress-fetch.ts";
import type { EgressRules } from "./egress-rules.ts";
import { passTcp, passWebSocket, refuseSocket } from "./egress-tunnel.ts";

/** The request line and headers of one fetch; workerd's own clients send no more than this. */
const HEADER_BYTES_MAX = 64 * 1024;
/** More than an instance may have exchanges, since some wait and some are kept alive. */
const CONNECTIONS_MAX = 1_024;

export type EgressOptions = {
  rules: EgressRules;
  bindings: Pick<BindingDoor, "answer">;
  uid: number | undefined;
  log: Log;
  totals: EgressTotals;
};

/** What an exchange needs: the rules, and the place that was taken for it. */
export type Passing = { rules: EgressRules; log: Log; exchange: Exchange };

/**
 * The platform's end of an instance's out socket. workerd sends each fetch as a proxy request with the whole URL, and each
 * TCP connection as a CONNECT; the platform resolves the name once, refuses what is not public, connects to that very
 * address, and does the TLS of fetches. Redirects are followed inside workerd, so each hop comes here again.
 * What a binding asks comes as a plain request, with a path alone (sandbox/worker-config.ts), and is answered here: no
 * fetch of a function's can be one, whatever its headers say, as workerd writes every fetch with its whole URL.
 */
export function egressHost(options: EgressOptions): (path: string) => Promise<OutSocket> {
  return async (path) => {
    const budget = new EgressBudget(options.totals);
    let spec: VersionSpec | undefined;
    const answerBinding = (req: IncomingMessage, res: ServerResponse) => options.bindings.answer(spec, req, res);
    const server = egressServer({ ...options, answerBinding }, budget);
    await listen(server, path);
    if (options.uid !== undefined) await chown(path, options.uid, options.uid);
    await chmod(path, 0o600);
    return {
      configure: (given, owner) => {
        spec = given;
        budget.configure(given.limits.subRequestsMax, owner);
      },
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    };
  };
}

type ServerOptions = Pick<EgressOptions, "rules" | "log"> & {
  answerBinding: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
};

/** The server of one instance, with a budget of its own. */
export function egressServer({ rules, log, answerBinding }: ServerOptions, budget: EgressBudget): Server {
  const server = createServer({
    requireHostHeader: false,
    requestTimeout: EXCHANGE_MS_MAX,
    maxHeaderSize: HEADER_BYTES_MAX,
  });
  server.maxConnections = CONNECTIONS_MAX;
  // Tunnels leave the server's list of connections, so they are ended here.
  const tunnels = new Set<Duplex>();
  const withPlace = async (
    socket: Duplex,
    refuse: (message: string) => void,
    pass: (passing: Passing) => Promise<void>,
    kind: "egress" | "binding" = "egress",
  ): Promise<void> => {
    const exchange = await budget.take(kind);
    if (exchange.kind === "refused") return refuse(exchange.message);
    if (socket.destroyed) return exchange.end();
    try {
      await pass({ rules, log, exchange });
    } catch (error) {
      // Whatever a function or a far server sends, it breaks its own connection at most.
      log.debug({ err: error }, "an outgoing exchange broke");
      exchange.end();
      socket.destroy();
    }
  };
  server.on("request", (req, res) => {
    if (req.url?.startsWith("/")) {
      const refuse = (message: string): void => refuseBinding(res, 429, message);
      const answer = async ({ exchange }: Passing): Promise<void> => {
        res.on("close", () => exchange.end());
        await answerBinding(req, res);
      };
      return void withPlace(req.socket, refuse, answer, "binding");
    }
    const refuse = (message: string): void => refuseFetch(res, 429, message);
    void withPlace(req.socket, refuse, (passing) => passFetch(passing, req, res));
  });
  const tunnel = (pass: (passing: Passing, req: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>) => {
    return (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
      tunnels.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => tunnels.delete(socket));
      void withPlace(
        socket,
        () => refuseSocket(socket, "429 Too Many Requests"),
        (passing) => pass(passing, req, socket, head),
      );
    };
  };
  server.on("connect", tunnel(passTcp));
  server.on("upgrade", tunnel(passWebSocket));
  server.on("close", () => {
    for (const socket of tunnels) socket.destroy();
  });
  return server;
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
}
