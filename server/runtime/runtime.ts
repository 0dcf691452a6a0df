import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { Server } from "node:http";
import { hostname } from "node:os";
import type { Duplex } from "node:stream";
import { join } from "node:path";
import { connect, type Db } from "#server/db/client.ts";
import type { RuntimeEnv } from "#server/env.ts";
import { beginEpoch, markDrained } from "#server/metering/ledger.ts";
import { pruneLogs } from "#server/metering/logs.ts";
import { HOUR_MS } from "#server/std/clock.ts";
import { errnoOf, Fault } from "#server/std/fault.ts";
import { lockFile } from "#server/std/file-lock.ts";
import type { Log } from "#server/std/log.ts";
import { createGateway } from "./gateway/gateway.ts";
import { Routes } from "./gateway/routes.ts";
import { VersionCache } from "./gateway/version-cache.ts";
import { Health } from "./health.ts";
import { Fleet } from "./instances/fleet.ts";
import type { InstanceParts } from "./instances/instance.ts";
import { watchLimits } from "./instances/limit-watch.ts";
import { createInternalServer } from "./internal.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import { Journal } from "./meter/journal.ts";
import { recoverJournals } from "./meter/recovery.ts";
import { Shipping } from "./meter/shipping.ts";
import { egressHost } from "./platform/egress.ts";
import type { EgressTotals } from "./platform/egress-budget.ts";
import { machineRules } from "./platform/egress-rules.ts";
import { runDirFor } from "./run-dir.ts";
import { openSandboxHost } from "./sandbox/open-host.ts";
import type { SandboxHost } from "./sandbox/sandbox.ts";
import { WarmPool } from "./sandbox/warm-pool.ts";

const SHIP_MS_MAX = 10_000;
/** Once its instance is gone, how long a call may take to see it and to write its END. */
const END_MS_MAX = 1_000;
const LOGS_KEPT_MS = 7 * 24 * HOUR_MS;

/** Starts everything of a runtime node, and resolves when it serves. `stop` drains, ships what was counted, and ends. */
export async function startRuntime(env: RuntimeEnv, log: Log): Promise<{ stop(): Promise<void> }> {
  const db = connect(env.DATABASE_URL, { connectionsMax: 5 });
  const epoch = await beginEpoch(db, { node: hostname(), region: env.REGION });
  const journalsDir = lockJournals(env.DATA_DIR);
  const journal = new Journal(join(journalsDir, String(epoch)), log);
  const shipping = new Shipping(journal, { epoch, databaseUrl: env.DATABASE_URL, logLevel: env.LOG_LEVEL }, log);
  const logs = new LogShipper(db, epoch, log);
  void recover(journalsDir, db, epoch, log);

  const totals: EgressTotals = { sentBytes: 0, receivedBytes: 0, exchanges: 0, refused: 0 };
  const host = await openSandboxes(env, log, totals);
  const warmPool = new WarmPool(host, env.WARM_POOL_SIZE, log);
  const onLine: InstanceParts["onLine"] = ({ organizationId, functionId, versionId }, line) =>
    logs.add({ ...line, organizationId, functionId, versionId });
  const fleet = new Fleet({ warmPool, instanceIdleMs: env.INSTANCE_IDLE_MS, log, parts: { journal, onLine } });
  const watch = watchLimits(fleet, log);
  const versions = new VersionCache(db);
  const routes = new Routes({
    db,
    databaseUrl: env.DATABASE_URL,
    log,
    events: { changed: (...ids) => fleet.swap(...ids) },
  });
  await routes.open();
  const health = new Health({ fleet, routes, journal, totals });
  const upgraded = new Set<Duplex>();
  const gateway = createGateway({
    upgraded,
    routes,
    versions,
    fleet,
    journal,
    functionsDomain: env.FUNCTIONS_DOMAIN,
    log,
    own: (path, res) => health.answer(path, res),
  });
  const internal = createInternalServer({ secret: env.INTERNAL_SECRET, fleet, versions, routes, health });
  const pruning = setInterval(() => void prune(db, log), HOUR_MS);
  await listen(gateway, env.GATEWAY_PORT, env.BIND_ADDRESS, "GATEWAY_PORT");
  await listen(internal, env.INTERNAL_PORT, "127.0.0.1", "INTERNAL_PORT");

  return {
    async stop() {
      health.stopping();
      await drain(gateway, upgraded, env.DRAIN_MS_MAX);
      internal.close();
      watch.stop();
      clearInterval(pruning);
      await routes.close();
      await Promise.all([fleet.close(), warmPool.close()]);
      await host.close();
      await journal.settled(END_MS_MAX);
      await journal.close();
      await logs.stop();
      if (await shipping.stop(SHIP_MS_MAX)) await finishEpoch(journal, db, epoch, log);
      await db.$disconnect();
    },
  };
}

function openSandboxes(env: RuntimeEnv, log: Log, totals: EgressTotals): Promise<SandboxHost> {
  const rules = machineRules(env.EGRESS_ALLOW);
  return openSandboxHost({
    runDir: env.RUN_DIR ?? runDirFor(env.DATA_DIR),
    cgroupParent: env.CGROUP_PARENT,
    openOutSocket: (uid) => egressHost({ rules, uid, log, totals }),
    onTrouble: (message, error) => log.warn({ err: error }, message),
  });
}

/** Journals have one owner: recovery removes those of lives that are over, and must never take a living one for such. */
function lockJournals(dataDir: string): string {
  const dir = join(dataDir, "journal");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (lockFile(join(dir, "lock"))) return dir;
  throw new Fault("conflict", `Another runtime uses ${dataDir}. Stop it, or set DATA_DIR to another folder.`);
}

async function prune(db: Db, log: Log): Promise<void> {
  try {
    await pruneLogs(db, new Date(Date.now() - LOGS_KEPT_MS));
  } catch (error) {
    log.warn({ err: error }, "old log lines could not be removed; tried again in an hour");
  }
}

async function recover(journalsDir: string, db: Db, epoch: bigint, log: Log): Promise<void> {
  try {
    await recoverJournals(journalsDir, db, epoch, log);
  } catch (error) {
    log.error({ err: error }, "an earlier life's journal could not be shipped; the next start tries again");
  }
}

/** All of this life is in the ledger: its journal may go. */
async function finishEpoch(journal: Journal, db: Db, epoch: bigint, log: Log): Promise<void> {
  try {
    await markDrained(db, epoch);
    await rm(journal.dir, { recursive: true, force: true });
  } catch (error) {
    log.warn({ err: error }, "Postgres is away: the next start finishes this life's journal");
  }
}

async function listen(server: Server, port: number, address: string, variable: string): Promise<void> {
  server.listen(port, address);
  try {
    await once(server, "listening");
  } catch (error) {
    if (errnoOf(error) !== "EADDRINUSE") throw error;
    throw new Fault("conflict", `Port ${port} is in use. Stop what uses it, or set ${variable} to another port.`, {
      cause: error,
    });
  }
}

/** No new connections; those with a request in flight may finish it, within a bound. */
async function drain(server: Server, upgraded: ReadonlySet<Duplex>, timeMsMax: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  }, timeMsMax);
  await closed;
  clearTimeout(timer);
}
