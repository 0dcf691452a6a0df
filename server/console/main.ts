import { Console } from "node:console";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import next from "next";
import { EnvError, muteNext, readConsoleEnv, type ConsoleEnv } from "#server/env.ts";
import { Fault } from "#server/std/fault.ts";
import { noteRequest } from "#server/auth/noted-headers.ts";
import { startBilling } from "./billing-jobs.ts";
import { startLedger } from "./ledger-jobs.ts";
import { startStorage } from "./storage-jobs.ts";
import { startStripe } from "./stripe-jobs.ts";
import { takePort } from "./take-port.ts";

const CLOSE_MS_MAX = 4_000;

// Next reports through console.log, and to its makers unless told not to; stdout belongs to the ready line.
globalThis.console = new Console(process.stderr, process.stderr);
muteNext();

try {
  await serve(readConsoleEnv());
  process.stdout.write("console ready\n");
} catch (thrown) {
  const isForPeople = thrown instanceof EnvError || thrown instanceof Fault;
  process.stderr.write(`${isForPeople ? thrown.message : `The console could not start: ${String(thrown)}`}\n`);
  process.exit(1);
}

async function serve(env: ConsoleEnv): Promise<void> {
  const { PORT: port, BIND_ADDRESS: hostname } = env;
  let answer: RequestListener = (_req, res) =>
    void res.writeHead(503, { "retry-after": "1" }).end("The console is starting.\n");
  const server = createServer((req, res) => answer(req, res));
  await takePort(server, env);
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
  const jobs = [startBilling(env), startLedger(env), startStorage(env), startStripe(env)];
  const end = async () => {
    server.close();
    server.closeIdleConnections();
    await Promise.race([Promise.all([app.close(), ...jobs.map((job) => job.stop())]), delay(CLOSE_MS_MAX)]);
    process.exit(0);
  };
  process.once("SIGTERM", end).once("SIGINT", end);
  if (env.SLUICE_LIFELINE) process.stdin.resume().once("end", end).once("error", end);
}
