import { defaultLimits, type FunctionLimits } from "#server/contract/limits.ts";
import type { Db } from "#server/db/client.ts";
import { newId, type Id } from "#server/std/id.ts";

/** A function of which one version serves, as far as the database knows. Its bundle is the text itself. */
export async function testFunction(
  db: Db,
  of: { organizationId: Id<"organization">; name: string; limits?: Partial<FunctionLimits> },
): Promise<Id<"function">> {
  const { organizationId, name, limits } = of;
  const [id, versionId, deploymentId] = [newId("function"), newId("version"), newId("deployment")];
  await db.function.create({ data: { id, organizationId, name }, select: { id: true } });
  await db.version.create({
    data: {
      id: versionId,
      functionId: id,
      number: 3,
      contentHash: versionId,
      source: [{ path: "index.ts", content: "secret source" }],
      bundle: Buffer.from(`export default { fetch: () => new Response("${name}") };`),
      sourceMap: "a map",
      compatibilityDate: "2026-10-01",
      limits: { ...defaultLimits.pro, ...limits },
    },
    select: { id: true },
  });
  const shares = [{ versionId, percent: 100 }];
  await db.deployment.create({ data: { id: deploymentId, functionId: id, shares }, select: { id: true } });
  await db.function.update({ where: { id }, data: { activeDeploymentId: deploymentId }, select: { id: true } });
  return id;
}
