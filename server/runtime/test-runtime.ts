import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { request } from "undici";
import { z } from "zod";
import type { Binding } from "#server/contract/bindings.ts";
import { defaultLimits, limitCeilings, type FunctionLimits } from "#server/contract/limits.ts";
import { readiness, readinessPath, refreshPath, type Readiness } from "#server/contract/prepare.ts";
import { testDatabase, type TestDatabase } from "#server/db/test-database.ts";
import { setBudget, type Budget } from "#server/metering/budget.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import { freePort } from "#server/std/free-port.ts";
import { asId, newId, type Id } from "#server/std/id.ts";

const INTERNAL_SECRET = "a secret of tests, long enough to pass";
const START_MS_MAX = 40_000;
/** On Pro, so that a test has all the room that there is; and no test is to be slowed by a rate that it isn't about. */
const limitsOfTests: FunctionLimits = {
  ...defaultLimits.pro,
  requestsPerSecondMax: limitCeilings.pro.requestsPerSecondMax,
};

/** A runtime process of a test's own, on free ports, with a data folder of its own. */
export type TestRuntime = AsyncDisposable & {
  database: TestDatabase;
  gatewayPort: number;
  dataDir: string;
  pid(): number;
  /** What it said on standard error so far. */
  said(): string;
  /** Makes a function whose main module is `bundle`, deployed, of the organization "acme" or another. Returns its host name. */
  deploy(
    name: string,
    bundle: string,
    limits?: Partial<FunctionLimits>,
    organizationSlug?: string,
  ): Promise<DeployedFunction>;
  /** The same with bindings. */
  deployBound(
    name: string,
    bundle: string,
    of: { bindings: Binding[]; organizationSlug?: string; limits?: Partial<FunctionLimits> },
  ): Promise<DeployedFunction>;
  /** The id of an organization, made if need be. */
  organization(slug: string): Promise<Id<"organization">>;
  prepare(bundle: string): Promise<Readiness>;
  /** What Prometheus would read. */
  metrics(): Promise<string>;
  /** What `/readyz` says: no reasons when it is ready. */
  unready(): Promise<string[]>;
  /** Where the console reaches it. */
  internalUrl: string;
  kill(signal: NodeJS.Signals): Promise<void>;
  start(env?: Record<string, string>): Promise<void>;
  /** Starts a second process that takes over from the one that runs; that one is then the caller's to stop. */
  succeed(): Promise<Pick<TestRuntime, "kill">>;
};

const readyAnswer = z.object({ ok: z.boolean(), reasons: z.array(z.string()).default([]) });

export type DeployedFunction = { host: string; functionId: string; versionId: string; organizationId: string };

/** With a database of another's, it is one more node of the same installation. */
export async function testRuntime(env: Record<string, string> = {}, shared?: TestDatabase): Promise<TestRuntime> {
  const database = shared ?? (await testDatabase());
  const dataDir = await mkdtemp(join(tmpdir(), "sluice-runtime-"));
  await chmod(dataDir, 0o711); // sandboxes run as another account, and their sockets lie in it
  const [gatewayPort, internalPort] = await Promise.all([freePort(), freePort()]);
  const organizationId = await organizationOf(database, "acme");
  let child: ChildProcess | undefined;
  let said = "";

  async function launch(more: Record<string, string>): Promise<ChildProcess> {
    const started = spawn(process.execPath, [join(import.meta.dirname, "main.ts")], {
      env: {
        ...process.env,
        NODE_ENV: "test",
        DATABASE_URL: database.url,
        DATA_DIR: dataDir,
        RUN_DIR: join(dataDir, "run"),
        GATEWAY_PORT: String(gatewayPort),
        INTERNAL_PORT: String(internalPort),
        INTERNAL_SECRET,
        S3_PORT: "0",
        SLUICE_LIFELINE: "1",
        LOG_LEVEL: "info",
        ...env,
        ...more,
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    started.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: started.stdout }).on("line", (line) => line === "runtime ready" && resolve());
      started.once("exit", (code) => reject(new Error(`the runtime ended with ${code}: ${said}`)));
      setTimeout(() => reject(new Error(`the runtime did not start: ${said}`)), START_MS_MAX).unref();
    });
    return started;
  }

  async function start(more: Record<string, string> = {}): Promise<void> {
    child = await launch(more);
  }

  const kill = async (signal: NodeJS.Signals): Promise<void> => endProcess(child, signal);

  async function ask(path: string, body: unknown): Promise<unknown> {
    const answer = await request(`http://127.0.0.1:${internalPort}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${INTERNAL_SECRET}` },
      body: JSON.stringify(body),
    });
    return answer.body.json();
  }

  const deployBound: TestRuntime["deployBound"] = async (name, bundle, of) => {
    const { bindings, organizationSlug = "acme", limits } = of;
    const deployed = await deploy(database, {
      organizationId: await organizationOf(database, organizationSlug),
      organizationSlug,
      name,
      bundle,
      limits: { ...limitsOfTests, ...limits },
      bindings,
    });
    await ask(refreshPath, { functionId: deployed.functionId });
    return deployed;
  };

  await start();
  return {
    database,
    gatewayPort,
    dataDir,
    pid: () => child?.pid ?? 0,
    said: () => said,
    start,
    async succeed() {
      const successor = await launch({ TAKE_OVER: "1" });
      return { kill: (signal) => endProcess(successor, signal) };
    },
    kill,
    deploy: (name, bundle, limits = {}, organizationSlug = "acme") =>
      deployBound(name, bundle, { limits, organizationSlug, bindings: [] }),
    deployBound,
    organization: async (slug) => asId("organization", await organizationOf(database, slug)),
    metrics: async () => (await request(`http://127.0.0.1:${internalPort}/metrics`)).body.text(),
    async unready() {
      const { statusCode, body } = await request(`http://127.0.0.1:${internalPort}/readyz`);
      const { ok, reasons } = readyAnswer.parse(await body.json());
      if (statusCode !== (ok ? 200 : 503)) throw new Error(`ok is ${ok} and the status ${statusCode}`);
      return reasons;
    },
    internalUrl: `http://127.0.0.1:${internalPort}`,
    async prepare(bundle) {
      const spec = {
        versionId: newId("version"),
        functionId: newId("function"),
        organizationId,
        number: 1,
        bundle,
        compatibilityDate: "2026-11-01",
        plan: "pro",
        limits: limitsOfTests,
        bindings: [],
      };
      return readiness.parse(await ask(readinessPath, spec));
    },
    async [Symbol.asyncDispose]() {
      await kill("SIGTERM");
      if (!shared) await database[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function organizationOf({ db }: TestDatabase, slug: string): Promise<string> {
  // Not an upsert: several functions of one organization may be made at the same time.
  await db.organization.createMany({
    data: [{ id: newId("organization"), slug, name: slug, plan: "pro" }],
    skipDuplicates: true,
  });
  const { id, allowance } = await db.organization.findUniqueOrThrow({
    where: { slug },
    select: { id: true, allowance: { select: { organizationId: true } } },
  });
  const organizationId = asId("organization", id);
  if (!allowance) await db.$transaction((tx) => setBudget(tx, organizationId, plentyUntilNextMonth()));
  return id;
}

/** More than any test uses; those that are about budgets set their own. */
function plentyUntilNextMonth(): Budget {
  const now = new Date();
  const free = { included: 0n, price: "0", per: 1n };
  return {
    period: { from: monthStart(now), to: nextMonthStart(now) },
    mostCents: 0n,
    weights: { requests: free, cpuNs: free, egressBytes: free },
  };
}

async function endProcess(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

async function deploy(
  { db }: TestDatabase,
  of: {
    organizationId: string;
    organizationSlug: string;
    name: string;
    bundle: string;
    limits: FunctionLimits;
    bindings: Binding[];
  },
): Promise<DeployedFunction> {
  const { organizationId, organizationSlug, name, bundle, limits, bindings } = of;
  const existing = await db.function.findUnique({
    where: { organizationId_name: { organizationId, name } },
    select: { id: true },
  });
  const functionId = existing?.id ?? newId("function");
  if (!existing) await db.function.create({ data: { id: functionId, organizationId, name }, select: { id: true } });
  const versionId = newId("version");
  const number = 1 + (await db.version.count({ where: { functionId } }));
  const deploymentId = newId("deployment");
  await db.$transaction([
    db.version.create({
      data: {
        id: versionId,
        functionId,
        number,
        contentHash: versionId,
        source: [],
        bundle: Buffer.from(bundle),
        sourceMap: "",
        compatibilityDate: "2026-11-01",
        limits,
        bindings,
      },
      select: { id: true },
    }),
    db.deployment.create({
      data: { id: deploymentId, functionId, shares: [{ versionId, percent: 100 }] },
      select: { id: true },
    }),
    db.function.update({ where: { id: functionId }, data: { activeDeploymentId: deploymentId }, select: { id: true } }),
    db.$executeRaw`SELECT pg_notify('sluice_function', ${functionId})`,
  ]);
  return { host: `${name}--${organizationSlug}.localhost`, functionId, versionId, organizationId };
}

/** Asks again until the answer passes, 10 s at most unless told otherwise. */
export async function eventually<Value>(
  ask: () => Promise<Value>,
  passes: (value: Value) => boolean,
  timeMsMax = 10_000,
): Promise<Value> {
  const deadline = Date.now() + timeMsMax;
  for (;;) {
    const value = await ask();
    if (passes(value) || Date.now() > deadline) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export type FunctionAnswer = { status: number; headers: Record<string, string | string[] | undefined>; text: string };

/** One call of a function over TCP, as any client makes it. */
export async function callFunction(
  runtime: { gatewayPort: number },
  host: string,
  options: { path?: string; method?: string; headers?: Record<string, string>; body?: string | Buffer | Readable } = {},
): Promise<FunctionAnswer> {
  const { path = "/", method = "GET", headers = {}, body = null } = options;
  const answer = await request(`http://127.0.0.1:${runtime.gatewayPort}${path}`, {
    method,
    headers: { host, ...headers },
    body,
  });
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
}
