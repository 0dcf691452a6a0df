import { Console } from "node:console";
import { createServer, type RequestListener, type Server } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import next from "next";
import { EnvError, readConsoleEnv, type ConsoleEnv } from "#server/env.ts";
import { errnoOf } from "#server/std/fault.ts";
import { noteRequest } from "#server/auth/noted-headers.ts";

const CLOSE_MS_MAX = 4_000;

// Next reports through console.log, and to its makers unless told not to; stdout belongs to the ready line.
globalThis.console = new Console(process.stderr, process.stderr);
process.env["NEXT_TELEMETRY_DISABLED"] = "1";

try {
  await serve(readConsoleEnv());
  process.stdout.write("console ready\n");
} catch (thrown) {
  fail(thrown instanceof EnvError ? thrown.message : `The console could not start: ${String(thrown)}`);
}

async function serve(env: ConsoleEnv): Promise<void> {
  const { PORT: port, BIND_ADDRESS: hostname } = env;
  let answer: RequestListener = (_req, res) =>
    void res.writeHead(503, { "retry-after": "1" }).end("The console is starting.\n");
  const server = createServer((req, res) => answer(req, res));
  await listen(server, env);
  const app = next({
    dev: env.NODE_ENV === "development",
    dir: join(import.meta.dirname, "../.."),
    hostname,
    port,
    httpServer: server,
  });
  await app.prepare();
  const handle = app.getRequestHandler();
  answer = (req, res) => {
    noteRequest(req, { isBehindProxy: env.TRUST_PROXY });
    void handle(req, res);
  };
  const end = async () => {
    server.close();
    server.closeIdleConnections();
    await Promise.race([app.close(), delay(CLOSE_MS_MAX)]);
    process.exit(0);
  };
  process.once("SIGTERM", end).once("SIGINT", end);
  if (env.SLUICE_LIFELINE) process.stdin.resume().once("end", end).once("error", end);
}

/** Takes the port before Next prepares, so that a port in use is said at once. */
function listen(server: Server, env: ConsoleEnv): Promise<void> {
  return new Promise((resolve) => {
    server.once("error", (error) => {
      if (errnoOf(error) !== "EADDRINUSE")
        fail(`The console can't listen on ${env.BIND_ADDRESS}:${env.PORT}: ${error.message}`);
      fail(`Port ${env.PORT} is in use. End the program that has it, or choose another with PORT=3001.`);
    });
    server.listen(env.PORT, env.BIND_ADDRESS, resolve);
  });
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
