import { z } from "zod";
import { recordAudit } from "#server/accounts/audit.ts";
import type { Db, Tx } from "#server/db/client.ts";
import { Fault } from "#server/std/fault.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { NAMESPACES_MAX } from "./bounds.ts";
import { noSuchNamespace } from "./entries.ts";

/** For people; functions know a namespace by the name of their binding. */
export const namespaceName = z
  .string()
  .trim()
  .min(1, "Give the namespace a name")
  .max(64, "Use at most 64 characters")
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, "Use printable characters only");

export type NamespaceSummary = {
  id: Id<"kvNamespace">;
  name: string;
  createdAt: Date;
  /** With what has expired and is not yet swept, a minute's worth at most. */
  keys: number;
  bytes: number;
};

export async function createNamespace(
  db: Db,
  request: { organizationId: Id<"organization">; userId: Id<"user">; name: string },
): Promise<Id<"kvNamespace">> {
  const { organizationId, userId } = request;
  const parsed = namespaceName.safeParse(request.name);
  if (!parsed.success) {
    throw new Fault("invalid", parsed.error.issues[0]?.message ?? "Choose another name", { field: "name" });
  }
  const name = parsed.data;
  const id = newId("kvNamespace");
  await db.$transaction(async (tx) => {
    await reservePlace(tx, organizationId, name);
    await tx.kvNamespace.create({ data: { id, organizationId, name }, select: { id: true } });
    await recordAudit(tx, { organizationId, userId, action: "kv.namespace_created", subject: id, detail: { name } });
  });
  return id;
}

/** Holds the organization's row, so that two who create at once can't both take the last place, or one name. */
async function reservePlace(tx: Tx, organizationId: Id<"organization">, name: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM "organization" WHERE id = ${organizationId} FOR UPDATE`;
  const taken = await tx.kvNamespace.findMany({ where: { organizationId }, select: { name: true } });
  if (taken.some((row) => row.name === name)) {
    throw new Fault("conflict", `There is already a namespace "${name}". Choose another name.`, { field: "name" });
  }
  if (taken.length >= NAMESPACES_MAX) {
    throw new Fault(
      "too_many",
      `An organization has ${NAMESPACES_MAX} namespaces at most. Delete one that is no longer used.`,
    );
  }
}

/** With how much is in each, read from their totals: as cheap for a million keys as for one. */
export async function listNamespaces(
  db: Db,
  organizationId: Id<"organization">,
  namespaceId: string | null = null,
): Promise<NamespaceSummary[]> {
  const rows = await db.$queryRaw<{ id: string; name: string; createdAt: Date; keys: number; bytes: number }[]>`
    SELECT n.id, n.name, n.created_at AS "createdAt",
           coalesce(sum(t.keys), 0)::float8 AS keys, coalesce(sum(t.bytes), 0)::float8 AS bytes
    FROM kv_namespace n LEFT JOIN kv_total t ON t.namespace_id = n.id
    WHERE n.organization_id = ${organizationId} AND (${namespaceId}::text IS NULL OR n.id = ${namespaceId})
    GROUP BY n.id ORDER BY n.name`;
  return rows.map((row) => ({ ...row, id: asId("kvNamespace", row.id) }));
}

/** One of the organization's; a fault when there is none of that id. */
export async function namespaceById(
  db: Db,
  of: { organizationId: Id<"organization">; namespaceId: string },
): Promise<NamespaceSummary> {
  const [found] = await listNamespaces(db, of.organizationId, of.namespaceId);
  if (!found) throw noSuchNamespace();
  return found;
}

/** Deletes a namespace; from then on no function finds it. What was in it is swept (sweep.ts). `name` must be its own, typed anew. */
export async function deleteNamespace(
  db: Db,
  of: { organizationId: Id<"organization">; namespaceId: string; userId: Id<"user">; name: string },
): Promise<void> {
  const { organizationId, namespaceId, userId, name } = of;
  await db.$transaction(async (tx) => {
    const row = await tx.kvNamespace.findFirst({
      where: { id: namespaceId, organizationId },
      select: { name: true },
    });
    if (!row) throw noSuchNamespace();
    if (row.name !== name) throw new Fault("invalid", "That is not its name. Type it as it stands.", { field: "name" });
    const { count } = await tx.kvNamespace.deleteMany({ where: { id: namespaceId, organizationId } });
    if (count === 0) throw noSuchNamespace();
    await recordAudit(tx, {
      organizationId,
      userId,
      action: "kv.namespace_deleted",
      subject: namespaceId,
      detail: { name },
    });
  });
}
