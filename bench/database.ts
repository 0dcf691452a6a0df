import { defaultLimits, limitCeilings } from "#server/contract/limits.ts";
import { connect, type Db } from "#server/db/client.ts";
import { startEmbeddedPostgres } from "#server/db/embedded-postgres.ts";
import { migrate } from "#server/db/migrate.ts";
import { newId, type Id } from "#server/std/id.ts";
import { COMPATIBILITY_DATE } from "./hello-function.ts";

const ORGANIZATION_SLUG = "bench";

export type DeployedFunction = { functionId: Id<"function">; host: string };

/** An embedded Postgres of the bench's own, with one organization. */
export type BenchDatabase = AsyncDisposable & {
  db: Db;
  url: string;
  organizationId: Id<"organization">;
  addFunction(name: string, bundle: string): Promise<DeployedFunction>;
};

export async function openDatabase(dir: string): Promise<BenchDatabase> {
  const postgres = await startEmbeddedPostgres({ dataDir: dir, runDir: dir });
  await migrate(postgres.url);
  const db = connect(postgres.url, { connectionsMax: 4 });
  const organizationId = newId("organization");
  await db.organization.create({
    data: { id: organizationId, slug: ORGANIZATION_SLUG, name: "Bench", plan: "pro" },
    select: { id: true },
  });
  return {
    db,
    url: postgres.url,
    organizationId,
    addFunction: (name, bundle) => addFunction(db, { organizationId, name, bundle }),
    async [Symbol.asyncDispose]() {
      await db.$disconnect();
      await postgres.stop();
    },
  };
}

/** Straight into the tables, as a deploy would have left it; a runtime that starts later finds it. */
async function addFunction(
  db: Db,
  of: { organizationId: Id<"organization">; name: string; bundle: string },
): Promise<DeployedFunction> {
  const { organizationId, name, bundle } = of;
  const functionId = newId("function");
  const versionId = newId("version");
  const deploymentId = newId("deployment");
  await db.$transaction([
    db.function.create({ data: { id: functionId, organizationId, name }, select: { id: true } }),
    db.version.create({
      data: {
        id: versionId,
        functionId,
        number: 1,
        contentHash: versionId,
        source: [],
        bundle: Buffer.from(bundle),
        sourceMap: "",
        compatibilityDate: COMPATIBILITY_DATE,
        limits: { ...defaultLimits.pro, requestsPerSecondMax: limitCeilings.pro.requestsPerSecondMax },
      },
      select: { id: true },
    }),
    db.deployment.create({
      data: { id: deploymentId, functionId, shares: [{ versionId, percent: 100 }] },
      select: { id: true },
    }),
    db.function.update({ where: { id: functionId }, data: { activeDeploymentId: deploymentId }, select: { id: true } }),
  ]);
  return { functionId, host: `${name}--${ORGANIZATION_SLUG}.localhost` };
}
