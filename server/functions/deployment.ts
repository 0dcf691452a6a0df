import { Fault } from "#server/std/fault.ts";
import { newId, type Id } from "#server/std/id.ts";
import { channels } from "#server/contract/notify.ts";
import type { Tx } from "#server/db/client.ts";

export type FunctionKey = { organizationId: Id<"organization">; functionId: Id<"function"> };

/** Holds a function's row until the transaction ends: what deploys it next, waits. */
export async function lockFunction(tx: Tx, { organizationId, functionId }: FunctionKey): Promise<void> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM "function" WHERE id = ${functionId} AND organization_id = ${organizationId} FOR UPDATE`;
  if (rows.length === 0) throw noSuchFunction();
}

/** Makes one version the one that serves. The row must be locked; every node hears of it when the transaction commits. */
export async function activate(
  tx: Tx,
  of: FunctionKey & { versionId: string; userId: Id<"user">; message: string },
): Promise<Id<"deployment">> {
  const id = newId("deployment");
  await tx.deployment.create({
    data: {
      id,
      functionId: of.functionId,
      shares: [{ versionId: of.versionId, percent: 100 }],
      message: of.message,
      createdBy: of.userId,
    },
    select: { id: true },
  });
  await tx.function.update({
    where: { id: of.functionId, organizationId: of.organizationId },
    data: { activeDeploymentId: id },
    select: { id: true },
  });
  await notifyFunction(tx, of.functionId);
  return id;
}

export async function notifyFunction(tx: Tx, functionId: Id<"function">): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${channels.function}, ${functionId})`;
}

export function noSuchFunction(): Fault {
  return new Fault("not_found", "There is no such function. It may have been deleted; go back to the list.");
}
