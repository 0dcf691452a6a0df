import { once } from "node:events";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { RuntimeEnv } from "#server/env.ts";
import { systemClock } from "#server/std/clock.ts";
import type { Log } from "#server/std/log.ts";
import { Accounting } from "./accounting.ts";
import { checkPortsAreFree } from "./free-ports.ts";
import { GatewayThreads } from "./gateway/gateway-threads.ts";
import { Routes } from "./gateway/routes.ts";
import type { ThreadData } from "./gateway/thread-messages.ts";
import { TurnedAway } from "./gateway/turned-away.ts";
import { VersionCache } from "./gateway/version-cache.ts";
import { Health } from "./health.ts";
import { Fleet } from "./instances/fleet.ts";
import { watchLimits } from "./instances/limit-watch.ts";
import { nodeBounds } from "./instances/node-bounds.ts";
import { createInternalServer } from "./internal.ts";
import { holdJournals } from "./meter/journal-lock.ts";
import type { Journals } from "./meter/journals.ts";
import { BindingDoor } from "./platform/binding-door.ts";
import { egressHost } from "./platform/egress.ts";
import type { EgressTotals } from "./platform/egress-budget.ts";
import { machineRules } from "./platform/egress-rules.ts";
import { runDirFor } from "./run-dir.ts";
import { S3Thread } from "./s3/s3-thread.ts";
import { openSandboxHost } from "./sandbox/open-host.ts";
import { StartWatch } from "./sandbox/start-watch.ts";
import { WarmPool } from "./sandbox/warm-pool.ts";
import { lagMemory, tellLag } from "./telemetry/event-loop-lag.ts";
import { tracingOf } from "./telemetry/settings.ts";

/** Once its instance is gone, how long a call may take to see it and to write its END. */
const END_MS_MAX = 1_000;

/**
 * Starts everything of a runtime node, and resolves when it serves. `stop` drains, ships what was counted, and ends.
 * `died` is called when it can't go on.
 */
export async function startRuntime(
  env: RuntimeEnv,
  log: Log,
  died: (error: unknown) => void,
): Promise<{ stop(): Promise<void> }> {
  const hold = holdJournals(join(env.DATA_DIR, "journal"), env);
  if (!env.TAKE_OVER) await checkPortsAreFree(env);
  const threadCount = env.GATEWAY_THREADS || availableParallelism();
  const accounting = await Accounting.open(env, threadCount, hold, log);
  const { db, journals, leases } = accounting;
  const totals: EgressTotals = { sentBytes: 0, receivedBytes: 0, exchanges: 0, refused: 0 };
  const { starts, bindings } = await openStarts(env, totals, log);
  const warmPool = new WarmPool(starts, { sizeMin: env.WARM_POOL_SIZE, sizeMax: env.WARM_POOL_SIZE_MAX, log });
  const fleet: Fleet = new Fleet({
    ...nodeBounds(env),
    warmPool,
    log,
    parts: accounting.instanceParts(),
    events: {
      started: (instance) => threads.started(instance),
      ended: (instance) => threads.ended(instance),
      expired: (instance) => threads.expired(instance),
    },
  });
  const versions = new VersionCache(db);
  const routes: Routes = new Routes({
    db,
    databaseUrl: env.DATABASE_URL,
    log,
    events: {
      changed: (...ids) => fleet.swap(...ids),
      moved: (labels) => threads.forget(labels),
      budgetChanged: (id) => void leases.changed(id),
    },
  });
  const { threadsData, ...seen } = dataOfThreads(env, journals, threadCount);
  const health = new Health({ accounting, fleet, warmPool, starts, routes, totals, ...seen });
  const events = { ...accounting.threadEvents(), died };
  const threads = new GatewayThreads({ routes, versions, fleet, health, leases, log, events });
  const watch = watchLimits(fleet, log);
  const internal = createInternalServer({ secret: env.INTERNAL_SECRET, fleet, versions, routes, health });
  await routes.open();
  internal.listen({ port: env.INTERNAL_PORT, host: "127.0.0.1", reusePort: true });
  await once(internal, "listening");
  const [s3] = await Promise.all([startS3(env, log), threads.start(threadsData)]);

  return {
    async stop() {
      health.stopping();
      internal.close();
      await Promise.all([threads.drain(env.DRAIN_MS_MAX), s3?.stop(env.DRAIN_MS_MAX)]);
      watch.stop();
      await routes.close();
      await Promise.all([fleet.close(), warmPool.close()]);
      await Promise.all([starts.close(), bindings.close()]);
      await threads.end(END_MS_MAX);
      await accounting.close();
      hold.release();
    },
  };
}

/** The door of objects, unless it is off. */
async function startS3(env: RuntimeEnv, log: Log): Promise<S3Thread | null> {
  const { S3_PORT: port, SECRETS_KEY: secretsKey } = env;
  if (port === 0) return null;
  if (secretsKey === undefined) {
    log.warn("S3 clients find no door here: set SECRETS_KEY to the console's, which opens access keys, or S3_PORT=0");
    return null;
  }
  const { BIND_ADDRESS: address, S3_DOMAIN: domain, DATA_DIR: dataDir, DATABASE_URL: databaseUrl } = env;
  return S3Thread.start({ port, address, domain, dataDir, databaseUrl, secretsKey, logLevel: env.LOG_LEVEL }, log);
}

async function openStarts(
  env: RuntimeEnv,
  totals: EgressTotals,
  log: Log,
): Promise<{ starts: StartWatch; bindings: BindingDoor }> {
  const bindings = new BindingDoor({ databaseUrl: env.DATABASE_URL, clock: systemClock, log });
  const rules = machineRules(env.EGRESS_ALLOW);
  const host = await openSandboxHost({
    runDir: env.RUN_DIR ?? runDirFor(env.DATA_DIR),
    cgroupParent: env.CGROUP_PARENT,
    openOutSocket: (uid) => egressHost({ rules, bindings, uid, log, totals }),
    onTrouble: (message, error) => log.warn({ err: error }, message),
  });
  return { starts: new StartWatch(host, log), bindings };
}

/** What each thread is started with, and the memory in which all of them are seen from here. */
function dataOfThreads(env: RuntimeEnv, journals: Journals, threads: number) {
  const turnedAway = new TurnedAway(TurnedAway.newMemory());
  const threadsData = Array.from({ length: threads }, (_, at): ThreadData => ({
    threads,
    port: env.GATEWAY_PORT,
    address: env.BIND_ADDRESS,
    functionsDomain: env.FUNCTIONS_DOMAIN,
    logLevel: env.LOG_LEVEL,
    journal: journals.place(at + 1),
    tracing: tracingOf(env, threads),
    lag: lagMemory(),
    turnedAway: turnedAway.memory,
  }));
  return { threadsData, turnedAway, lags: lagsOf(threadsData) };
}

/** Where each thread, this one first, tells how late its event loop is. */
function lagsOf(threads: readonly ThreadData[]): ReadonlyMap<string, SharedArrayBuffer> {
  const own = lagMemory();
  tellLag(own);
  return new Map([["main", own], ...threads.map(({ lag }, at) => [`gateway-${at + 1}`, lag] as const)]);
}
