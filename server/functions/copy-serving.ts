import type { Tx } from "#server/db/client.ts";
import { Fault } from "#server/std/fault.ts";
import { newId, type Id } from "#server/std/id.ts";
import { notifyFunction, type FunctionKey } from "./deployment.ts";
import { shares } from "./serving.ts";

/**
 * Gives another organization a function of the same name that runs what this one runs now: bundles, limits and compatibility
 * dates of the versions that serve, in the same shares. Sources stay behind, as nothing that runs needs them; and so do bindings,
 * as what they lead to is the first organization's.
 */
export async function copyServing(tx: Tx, from: FunctionKey, to: Id<"organization">): Promise<Id<"function">> {
  const found = await tx.function.findFirst({
    where: { id: from.functionId, organizationId: from.organizationId },
    select: { name: true, activeDeployment: { select: { shares: true } } },
  });
  if (!found?.activeDeployment) throw new Fault("conflict", "No version of the function serves. Deploy it first.");
  const functionId = newId("function");
  await tx.function.create({ data: { id: functionId, organizationId: to, name: found.name }, select: { id: true } });
  const copies = [];
  for (const { versionId, percent } of shares.parse(found.activeDeployment.shares)) {
    copies.push({ versionId: await copyVersion(tx, { versionId, from: from.functionId, to: functionId }), percent });
  }
  const deploymentId = newId("deployment");
  await tx.deployment.create({ data: { id: deploymentId, functionId, shares: copies }, select: { id: true } });
  await tx.function.update({
    where: { id: functionId, organizationId: to },
    data: { activeDeploymentId: deploymentId },
    select: { id: true },
  });
  await notifyFunction(tx, functionId);
  return functionId;
}

/** A bundle has up to some MB, which need not come here and go back. */
async function copyVersion(
  tx: Tx,
  of: { versionId: string; from: Id<"function">; to: Id<"function"> },
): Promise<Id<"version">> {
  const id = newId("version");
  const copied = await tx.$executeRaw`
    INSERT INTO "version" (id, function_id, number, content_hash, source, bundle, source_map, compatibility_date, limits)
    SELECT ${id}, ${of.to}, number, content_hash, '[]'::jsonb, bundle, '', compatibility_date, limits
    FROM "version" WHERE id = ${of.versionId} AND function_id = ${of.from}`;
  if (copied !== 1) throw new Error(`version ${of.versionId} serves and is not there`);
  return id;
}

/** Takes functions out of service, in the caller's transaction: every node hears of it when that commits. */
export async function retireFunctions(tx: Tx, organizationId: Id<"organization">): Promise<Id<"function">[]> {
  const rows = await tx.$queryRaw<{ id: Id<"function"> }[]>`
    DELETE FROM "function" WHERE organization_id = ${organizationId} RETURNING id`;
  for (const { id } of rows) await notifyFunction(tx, id);
  return rows.map(({ id }) => id);
}
