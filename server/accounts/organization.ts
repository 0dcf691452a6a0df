import { organizationSlug, slugFrom } from "#server/contract/names.ts";
import type { Db, Tx } from "#server/db/client.ts";
import type { PlanName, Role } from "#server/db/generated/enums.ts";
import { Fault } from "#server/std/fault.ts";
import { asId, newId, type Id } from "#server/std/id.ts";
import { recordAudit } from "./audit.ts";

const OWNED_ORGANIZATIONS_MAX = 20;
const ACCOUNTS_LOCK = 7_581_001; // any number that nothing else locks

/** One sign-up at a time, whatever the number of consoles: "is it taken?" and "take it" are then one step. Held to the end of the transaction. */
export async function lockAccounts(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${ACCOUNTS_LOCK})`;
}

/** Makes an organization that the user owns; its slug comes from its name. Call it under `lockAccounts`. */
export async function createOrganization(
  tx: Tx,
  request: { userId: Id<"user">; name: string },
): Promise<{ id: Id<"organization">; slug: string }> {
  const { userId, name } = request;
  const field = "organization";
  const parsed = organizationSlug.safeParse(slugFrom(name));
  if (!parsed.success) {
    const reason = parsed.error.issues[0]?.message ?? "Choose another name";
    throw new Fault("invalid", `Its address is made of this name. ${reason}.`, { field });
  }
  const slug = parsed.data;
  if (await tx.organization.findUnique({ where: { slug }, select: { id: true } })) {
    throw new Fault("conflict", `The address "${slug}" is taken. Choose another name.`, { field });
  }
  const owned = await tx.member.count({ where: { userId, role: "owner" } });
  if (owned >= OWNED_ORGANIZATIONS_MAX) {
    throw new Fault("too_many", `One person owns ${OWNED_ORGANIZATIONS_MAX} organizations at most.`, { field });
  }
  const id = newId("organization");
  await tx.organization.create({
    // The allowance's row is the lock under which usage and budget change: it is there before there can be usage.
    data: { id, slug, name, members: { create: { userId, role: "owner" } }, allowance: { create: {} } },
    select: { id: true },
  });
  await recordAudit(tx, {
    organizationId: id,
    userId,
    action: "organization.created",
    subject: id,
    detail: { slug, name },
  });
  return { id, slug };
}

/** An organization for someone who has signed in already. */
export function addOrganization(db: Db, request: { userId: Id<"user">; name: string }) {
  return db.$transaction(async (tx) => {
    await lockAccounts(tx);
    return createOrganization(tx, request);
  });
}

/** For operators, who need no membership. */
export async function organizationBySlug(
  db: Db,
  slug: string,
): Promise<{ id: Id<"organization">; slug: string; name: string; plan: PlanName; createdAt: Date }> {
  const row = await db.organization.findUnique({
    where: { slug },
    select: { id: true, slug: true, name: true, plan: true, createdAt: true },
  });
  if (!row) throw new Fault("not_found", "There is no such organization.");
  return { ...row, id: asId("organization", row.id) };
}

/** Changes the name that people see. The slug stays: addresses of functions are made of it. */
export async function renameOrganization(
  db: Db,
  request: { organizationId: Id<"organization">; userId: Id<"user">; name: string },
): Promise<void> {
  const { organizationId, userId, name } = request;
  await db.$transaction(async (tx) => {
    const before = await tx.organization.findUniqueOrThrow({ where: { id: organizationId }, select: { name: true } });
    await tx.organization.update({ where: { id: organizationId }, data: { name }, select: { id: true } });
    const detail = { from: before.name, to: name };
    await recordAudit(tx, { organizationId, userId, action: "organization.renamed", subject: organizationId, detail });
  });
}

export type MemberRow = { userId: string; name: string; email: string; role: Role; since: Date };

export async function listMembers(db: Db, organizationId: Id<"organization">): Promise<MemberRow[]> {
  const rows = await db.member.findMany({
    where: { organizationId },
    orderBy: { createdAt: "asc" },
    select: { userId: true, role: true, createdAt: true, user: { select: { name: true, email: true } } },
  });
  return rows.map(({ user, createdAt, ...row }) => ({ ...row, ...user, since: createdAt }));
}
