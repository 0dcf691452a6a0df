import { membershipOf, type Membership } from "#server/accounts/membership.ts";
import { isAllowed, type Permission } from "#server/accounts/roles.ts";
import type { Db } from "#server/db/client.ts";
import { Fault } from "#server/std/fault.ts";
import type { Id } from "#server/std/id.ts";

/** The membership under which a door opens: of somebody signed in, in an organization that exists to them, with a role that holds the permission. */
export async function allowedMember(
  db: Db,
  of: { userId: Id<"user"> | null; organizationSlug: string; permission: Permission },
): Promise<Membership> {
  const { userId, organizationSlug, permission } = of;
  if (!userId) throw new Fault("not_signed_in", "Sign in first.");
  const membership = await membershipOf(db, { userId, organizationSlug });
  const { organization, role } = membership;
  if (!isAllowed(role, permission)) {
    throw new Fault("forbidden", `Your role here (${role}) does not allow that. Ask an owner of ${organization.name}.`);
  }
  return membership;
}
