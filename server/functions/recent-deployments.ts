import { z } from "zod";
import type { Db } from "#server/db/client.ts";
import type { Id } from "#server/std/id.ts";

const storedShares = z.array(z.object({ versionId: z.string() }));

export type RecentDeployment = {
  id: string;
  functionName: string;
  /** Of the versions that it serves; more than one where traffic is split. */
  versionNumbers: number[];
  isServing: boolean;
  message: string;
  /** Who deployed it, or null when that account is gone. */
  by: string | null;
  at: Date;
};

/** What was deployed lately, over all functions of an organization. */
export async function recentDeployments(
  db: Db,
  of: { organizationId: Id<"organization">; limit: number },
): Promise<RecentDeployment[]> {
  const rows = await db.deployment.findMany({
    where: { function: { organizationId: of.organizationId } },
    orderBy: { createdAt: "desc" },
    take: of.limit,
    select: {
      id: true,
      shares: true,
      message: true,
      createdBy: true,
      createdAt: true,
      function: { select: { name: true, activeDeploymentId: true } },
    },
  });
  const sharesOf = new Map(rows.map((row) => [row.id, storedShares.parse(row.shares).map((share) => share.versionId)]));
  const [versions, users] = await Promise.all([
    db.version.findMany({
      where: { id: { in: [...sharesOf.values()].flat() }, function: { organizationId: of.organizationId } },
      select: { id: true, number: true },
    }),
    db.user.findMany({
      where: { id: { in: rows.flatMap((row) => row.createdBy ?? []) } },
      select: { id: true, name: true },
    }),
  ]);
  const numberOf = new Map(versions.map((version) => [version.id, version.number]));
  const nameOf = new Map(users.map((user) => [user.id, user.name]));
  return rows.map((row) => ({
    id: row.id,
    functionName: row.function.name,
    versionNumbers: (sharesOf.get(row.id) ?? []).flatMap((versionId) => numberOf.get(versionId) ?? []),
    isServing: row.function.activeDeploymentId === row.id,
    message: row.message,
    by: nameOf.get(row.createdBy ?? "") ?? null,
    at: row.createdAt,
  }));
}
