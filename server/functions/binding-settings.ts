import { recordAudit } from "#server/accounts/audit.ts";
import { bindings, type Binding } from "#server/contract/bindings.ts";
import type { Db, Tx } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";
import { lockFunction, noSuchFunction, type FunctionKey } from "./deployment.ts";
import { shares } from "./serving.ts";

export type BindingsReport = {
  /** What the next version gets. */
  wished: Binding[];
  /** What the version that serves has: something else, until the next deploy or after a roll-back. */
  serving: { versionNumber: number; bindings: Binding[] } | null;
};

/** Bindings as a function's settings, beside those of the version that serves. */
export async function readBindings(db: Db, { organizationId, functionId }: FunctionKey): Promise<BindingsReport> {
  const found = await db.function.findFirst({
    where: { id: functionId, organizationId },
    select: { bindings: true, activeDeployment: { select: { shares: true } } },
  });
  if (!found) throw noSuchFunction();
  const wished = bindings.parse(found.bindings);
  if (!found.activeDeployment) return { wished, serving: null };
  const [first] = shares.parse(found.activeDeployment.shares);
  const version = await db.version.findFirst({
    where: { id: first?.versionId ?? "", function: { organizationId } },
    select: { number: true, bindings: true },
  });
  return {
    wished,
    serving: version && { versionNumber: version.number, bindings: bindings.parse(version.bindings) },
  };
}

/**
 * Changes what the function's next version finds in its `env`; what serves stays as it is. That each binding leads to
 * something of the same organization is for the room to see to that has it.
 */
export async function saveBindings(
  tx: Tx,
  request: FunctionKey & { userId: Id<"user">; bindings: Binding[] },
): Promise<void> {
  const { organizationId, functionId, userId } = request;
  await lockFunction(tx, request);
  await tx.function.update({
    where: { id: functionId, organizationId },
    data: { bindings: request.bindings },
    select: { id: true },
  });
  await recordAudit(tx, {
    organizationId,
    userId,
    action: "function.bindings_changed",
    subject: functionId,
    detail: Object.fromEntries(request.bindings.map(({ name, namespaceId }) => [name, namespaceId])),
  });
}
