import { bindings, type Binding } from "#server/contract/bindings.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { saveBindings } from "#server/functions/binding-settings.ts";
import type { FunctionKey } from "#server/functions/deployment.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";

/** Changes which namespaces a function's next version has; each must be one of the same organization. */
export async function bindNamespaces(
  db: Db,
  request: FunctionKey & { userId: Id<"user">; bindings: readonly Binding[] },
): Promise<void> {
  const parsed = bindings.safeParse(request.bindings);
  if (!parsed.success) {
    throw new Fault("invalid", parsed.error.issues[0]?.message ?? "Choose other bindings", { field: "bindings" });
  }
  await db.$transaction(async (tx) => {
    for (const { name, namespaceId } of parsed.data) {
      await refuseForeign(tx, { organizationId: request.organizationId, name, namespaceId });
    }
    await saveBindings(tx, { ...request, bindings: parsed.data });
  });
}

async function refuseForeign(
  tx: Tx,
  of: { organizationId: Id<"organization">; name: string; namespaceId: string },
): Promise<void> {
  const { organizationId, name, namespaceId } = of;
  const found = await tx.kvNamespace.findFirst({ where: { id: namespaceId, organizationId }, select: { id: true } });
  if (found) return;
  const message = `The namespace of ${name} is not there. Choose another, or remove the binding.`;
  throw new Fault("not_found", message, { field: "bindings" });
}

/** The functions whose settings name a namespace, each with the name that it has there. */
export async function functionsBoundTo(
  db: Db,
  of: { organizationId: Id<"organization">; namespaceId: string },
): Promise<{ functionName: string; bindingName: string }[]> {
  const rows = await db.function.findMany({
    where: { organizationId: of.organizationId },
    orderBy: { name: "asc" },
    select: { name: true, bindings: true },
  });
  return rows.flatMap((row) =>
    bindings
      .parse(row.bindings)
      .filter(({ namespaceId }) => namespaceId === of.namespaceId)
      .map(({ name }) => ({ functionName: row.name, bindingName: name })),
  );
}
