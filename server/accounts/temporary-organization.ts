import type { Tx } from "#server/db/client.ts";
import { Prisma } from "#server/db/generated/client.ts";
import type { PlanName } from "#server/db/generated/enums.ts";
import { newId, type Id } from "#server/std/id.ts";

/**
 * Tenants, and not the organizations that a flood drill makes for a minute. Whatever lists, sums up, bills or tells
 * organizations has it in its `where`; what goes by members never meets a temporary one, as it has none.
 */
export const tenantsOnly = { drillOf: null } as const;

/** The same, for SQL in which the table goes by its own name: as a text, and as a part of a Prisma query. */
export const IS_TENANT = "organization.drill_of IS NULL";
export const isTenant = Prisma.raw(IS_TENANT);

/**
 * Makes an organization for a drill of a tenant's function: nobody is its member, and nobody can guess its slug (100 random
 * bits), which fits into one label with the longest name of a function (6 + 20 + 2 + 30 of 63 bytes).
 */
export async function createTemporary(
  tx: Tx,
  of: { drillOf: Id<"organization">; name: string; plan: PlanName; now: Date },
): Promise<{ id: Id<"organization">; slug: string }> {
  const id = newId("organization");
  const slug = `drill-${newId("organization").slice("org_".length)}`;
  const { now, ...rest } = of;
  await tx.organization.create({
    data: { id, slug, ...rest, createdAt: now, allowance: { create: {} } },
    select: { id: true },
  });
  return { id, slug };
}

/** Removes a temporary organization, and with it its functions and its budget. A tenant's is left alone, whatever is asked. */
export async function deleteTemporary(tx: Tx, organizationId: Id<"organization">): Promise<void> {
  await tx.organization.deleteMany({ where: { id: organizationId, drillOf: { not: null } } });
}
