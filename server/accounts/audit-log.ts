import { z } from "zod";
import type { Db } from "#server/db/client.ts";

const auditDetail = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));

export type AuditRow = {
  id: string;
  at: Date;
  action: string;
  subject: string;
  detail: z.infer<typeof auditDetail>;
  /** Null for what nobody in particular did. */
  by: string | null;
  /** Null for what is the installation's own. */
  organizationSlug: string | null;
};

const PAGE = 100;

/** Who changed what, newest first, of the whole installation. For operators. `before`: the last row of the page before. */
export async function listAudit(
  db: Db,
  of: { before: { at: Date; id: string } | null },
): Promise<{ rows: AuditRow[]; hasMore: boolean }> {
  const { before } = of;
  const found = await db.auditEntry.findMany({
    ...(before ? { where: { OR: [{ at: { lt: before.at } }, { at: before.at, id: { lt: before.id } }] } } : {}),
    orderBy: [{ at: "desc" }, { id: "desc" }],
    take: PAGE + 1,
    select: { id: true, at: true, action: true, subject: true, detail: true, userId: true, organizationId: true },
  });
  const shown = found.slice(0, PAGE);
  const [people, organizations] = await Promise.all([
    namesOf(
      db,
      shown.flatMap(({ userId }) => userId ?? []),
    ),
    slugsOf(
      db,
      shown.flatMap(({ organizationId }) => organizationId ?? []),
    ),
  ]);
  const rows = shown.map(({ userId, organizationId, detail, ...row }) => ({
    ...row,
    detail: auditDetail.parse(detail),
    by: userId && (people.get(userId) ?? userId),
    organizationSlug: organizationId && (organizations.get(organizationId) ?? organizationId),
  }));
  return { rows, hasMore: found.length > PAGE };
}

async function namesOf(db: Db, ids: string[]): Promise<Map<string, string>> {
  const users = await db.user.findMany({ where: { id: { in: ids } }, select: { id: true, email: true } });
  return new Map(users.map(({ id, email }) => [id, email]));
}

async function slugsOf(db: Db, ids: string[]): Promise<Map<string, string>> {
  const rows = await db.organization.findMany({ where: { id: { in: ids } }, select: { id: true, slug: true } });
  return new Map(rows.map(({ id, slug }) => [id, slug]));
}
