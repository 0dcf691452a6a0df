import { setTimeout as wait } from "node:timers/promises";
import { Client } from "pg";
import { defaultLimits, limitCeilings, type FunctionLimits } from "#server/contract/limits.ts";
import { connect, type Db } from "#server/db/client.ts";
import { startEmbeddedPostgres } from "#server/db/embedded-postgres.ts";
import { migrate } from "#server/db/migrate.ts";
import { setBudget, type Budget } from "#server/metering/budget.ts";
import { monthStart, nextMonthStart } from "#server/std/clock.ts";
import { newId, type Id } from "#server/std/id.ts";
import { COMPATIBILITY_DATE } from "./hello-function.ts";

const ROWS_AT_ONCE = 1_000;
const SETTLE_MS_MAX = 20_000;

export type OrganizationKey = { organizationId: Id<"organization">; slug: string };
export type DeployedFunction = OrganizationKey & { functionId: Id<"function">; host: string };
export type NewFunction = { name: string; bundle: string; limits?: Partial<FunctionLimits> };

/** A database of one part's own, in the bench's Postgres. */
export type BenchDatabase = AsyncDisposable & {
  db: Db;
  url: string;
  addOrganization(slug: string): Promise<OrganizationKey>;
  /** Straight into the tables, as deploys would have left it; a runtime that starts later finds them. */
  addFunctions(organization: OrganizationKey, functions: readonly NewFunction[]): Promise<DeployedFunction[]>;
  addFunction(organization: OrganizationKey, one: NewFunction): Promise<DeployedFunction>;
  /** Waits, within a bound, until the ledger counts at least so many calls. Returns what it counts then. */
  ledgerHas(calls: number): Promise<number>;
};

export type BenchPostgres = AsyncDisposable & { openDatabase(): Promise<BenchDatabase> };

/** An embedded Postgres of the bench's own, with a database for whoever asks, so that no part sees another's rows. */
export async function startPostgres(dir: string): Promise<BenchPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir: dir, runDir: dir });
  await migrate(postgres.url); // once: the others are copies
  let databases = 0;
  return {
    async openDatabase() {
      databases += 1;
      const name = `bench_${databases}`;
      await createDatabase(postgres.url.replace("/sluice?", "/postgres?"), name);
      return database(postgres.url.replace("/sluice?", `/${name}?`));
    },
    [Symbol.asyncDispose]: () => postgres.stop(),
  };
}

async function createDatabase(url: string, name: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE DATABASE ${name} TEMPLATE sluice`);
  await client.end();
}

function database(url: string): BenchDatabase {
  const db = connect(url, { connectionsMax: 4 });
  return {
    db,
    url,
    async addOrganization(slug) {
      const organizationId = newId("organization");
      await db.organization.create({
        data: { id: organizationId, slug, name: slug, plan: "pro" },
        select: { id: true },
      });
      await db.$transaction((tx) => setBudget(tx, organizationId, plentyUntilNextMonth()));
      return { organizationId, slug };
    },
    addFunctions: (organization, functions) => addFunctions(db, organization, functions),
    async addFunction(organization, one) {
      const [added] = await addFunctions(db, organization, [one]);
      if (!added) throw new Error("one function was asked for, and none came");
      return added;
    },
    ledgerHas: (calls) => ledgerHas(db, calls),
    [Symbol.asyncDispose]: () => db.$disconnect(),
  };
}

async function addFunctions(
  db: Db,
  { organizationId, slug }: OrganizationKey,
  functions: readonly NewFunction[],
): Promise<DeployedFunction[]> {
  const added = functions.map((one) => ({
    ...one,
    functionId: newId("function"),
    versionId: newId("version"),
    deploymentId: newId("deployment"),
  }));
  for (let at = 0; at < added.length; at += ROWS_AT_ONCE) {
    const some = added.slice(at, at + ROWS_AT_ONCE);
    await db.$transaction([
      db.function.createMany({ data: some.map(({ functionId, name }) => ({ id: functionId, organizationId, name })) }),
      db.version.createMany({ data: some.map(versionRow) }),
      db.deployment.createMany({
        data: some.map(({ deploymentId, functionId, versionId }) => ({
          id: deploymentId,
          functionId,
          shares: [{ versionId, percent: 100 }],
        })),
      }),
      db.$executeRaw`
        UPDATE "function" SET active_deployment_id = deployment.id FROM deployment
        WHERE deployment.function_id = "function".id AND "function".organization_id = ${organizationId}
          AND deployment.id = ANY(${some.map(({ deploymentId }) => deploymentId)})`,
    ]);
  }
  return added.map(({ functionId, name }) => ({
    organizationId,
    slug,
    functionId,
    host: `${name}--${slug}.localhost`,
  }));
}

/** More than any benchmark uses: leases are drawn and settled as ever, and never refused. */
function plentyUntilNextMonth(): Budget {
  const now = new Date();
  const free = { included: 0n, price: "0", per: 1n };
  return {
    period: { from: monthStart(now), to: nextMonthStart(now) },
    mostCents: 0n,
    weights: { requests: free, cpuNs: free, egressBytes: free },
  };
}

function versionRow({
  versionId,
  functionId,
  bundle,
  limits,
}: NewFunction & { versionId: Id<"version">; functionId: Id<"function"> }) {
  return {
    id: versionId,
    functionId,
    number: 1,
    contentHash: versionId,
    source: [],
    bundle: Buffer.from(bundle),
    sourceMap: "",
    compatibilityDate: COMPATIBILITY_DATE,
    limits: { ...defaultLimits.pro, requestsPerSecondMax: limitCeilings.pro.requestsPerSecondMax, ...limits },
  };
}

/** The hourly counters move with the ledger's rows, in one statement, and are quick to add up. */
async function ledgerHas(db: Db, calls: number): Promise<number> {
  const deadline = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const { _sum } = await db.usageHour.aggregate({ _sum: { requests: true } });
    const counted = Number(_sum.requests ?? 0n);
    if (counted >= calls || performance.now() > deadline) return counted;
    await wait(10);
  }
}
