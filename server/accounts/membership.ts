import type { Db, Tx } from "#server/db/client.ts";
import type { PlanName, Role } from "#server/db/generated/enums.ts";
import { Fault } from "#server/std/fault.ts";
import { asId, type Id } from "#server/std/id.ts";
import { rolesAllowed, type Permission } from "./roles.ts";

export type OrganizationHead = { id: Id<"organization">; slug: string; name: string; plan: PlanName };
export type Membership = { organization: OrganizationHead; role: Role };

const columns = {
  role: true,
  organization: { select: { id: true, slug: true, name: true, plan: true } },
} as const;

/** A user's place in an organization. One that is unknown and one of others give the same answer: who asks learns nothing. */
export async function membershipOf(db: Db, of: { userId: Id<"user">; organizationSlug: string }): Promise<Membership> {
  const row = await db.member.findFirst({
    where: { userId: of.userId, organization: { slug: of.organizationSlug } },
    select: columns,
  });
  if (!row) throw new Fault("not_found", "There is no such organization, or you are not a member of it.");
  return membership(row);
}

/** All organizations of a user, oldest membership first. */
export async function membershipsOf(db: Db, userId: Id<"user">): Promise<Membership[]> {
  const rows = await db.member.findMany({ where: { userId }, orderBy: { createdAt: "asc" }, select: columns });
  return rows.map(membership);
}

/** Where to write to those members of an organization whose role holds a permission. */
export async function emailsOfAllowed(
  db: Db | Tx,
  of: { organizationId: Id<"organization">; permission: Permission },
): Promise<string[]> {
  const rows = await db.member.findMany({
    where: { organizationId: of.organizationId, role: { in: rolesAllowed(of.permission) } },
    orderBy: { createdAt: "asc" },
    select: { user: { select: { email: true } } },
  });
  return rows.map(({ user }) => user.email);
}

function membership(row: {
  role: Role;
  organization: { id: string; slug: string; name: string; plan: PlanName };
}): Membership {
  return { role: row.role, organization: { ...row.organization, id: asId("organization", row.organization.id) } };
}
