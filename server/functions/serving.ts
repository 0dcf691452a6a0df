import { z } from "zod";
import type { PlanName } from "#server/contract/limits.ts";
import type { VersionSpec } from "#server/contract/prepare.ts";
import type { Db } from "#server/db/client.ts";
import { asId, type Id } from "#server/std/id.ts";
import { specColumns, specOf } from "./stored-version.ts";

/** How requests of a function are divided among versions; percents add up to 100. */
export const shares = z.array(z.object({ versionId: z.string(), percent: z.number().int().min(1).max(100) })).min(1);

/** What the gateway knows of a function: enough to find who serves a request, and nothing heavy. */
export type ServingFunction = {
  functionId: Id<"function">;
  organizationId: Id<"organization">;
  functionName: string;
  organizationSlug: string;
  shares: z.infer<typeof shares>;
  /** Bounds what its versions may use. */
  plan: PlanName;
  /** Set when the organization may use nothing more, with the reason for people. */
  stoppedBecause: string | null;
};

const columns = {
  id: true,
  name: true,
  organizationId: true,
  organization: { select: { slug: true, plan: true, allowance: { select: { state: true, reason: true } } } },
  activeDeployment: { select: { shares: true } },
} as const;

/** Functions that are deployed; all, or those of one organization, or one. Ids of what is gone are simply absent. */
export async function servingFunctions(
  db: Db,
  of: { functionId?: string; organizationId?: string } = {},
): Promise<ServingFunction[]> {
  const rows = await db.function.findMany({
    where: {
      activeDeploymentId: { not: null },
      ...(of.functionId === undefined ? {} : { id: of.functionId }),
      ...(of.organizationId === undefined ? {} : { organizationId: of.organizationId }),
    },
    select: columns,
  });
  return rows.map((row) => ({
    functionId: asId("function", row.id),
    organizationId: asId("organization", row.organizationId),
    functionName: row.name,
    organizationSlug: row.organization.slug,
    shares: shares.parse(row.activeDeployment?.shares),
    plan: row.organization.plan,
    stoppedBecause: row.organization.allowance?.state === "stopped" ? row.organization.allowance.reason : null,
  }));
}

/** All that is needed to run a version, its limits within what the organization's plan allows now; null when there is none. */
export async function versionToRun(db: Db, versionId: string): Promise<VersionSpec | null> {
  const row = await db.version.findUnique({ where: { id: versionId }, select: specColumns });
  return row && specOf(row);
}
