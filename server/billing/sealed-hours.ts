import type { Tx } from "#server/db/client.ts";
import type { Usage } from "#server/metering/usage.ts";
import type { Id } from "#server/std/id.ts";

/** A sealed hour, or what a later revision of it adds, that stands on no invoice yet. */
export type UnbilledHour = Usage & { hourAt: Date; revision: number };

/** For so long after its month an hour may still change: a journal of a machine that was away. */
const LATE_MONTHS_MAX = 12;

/**
 * The hours of a month as they are sealed, and of earlier months that were invoiced what came later than the invoice.
 * Hours of months without an invoice are nobody's: on a plan that stops nothing was owed for them.
 */
export function unbilledHours(
  tx: Tx,
  of: { organizationId: Id<"organization">; month: { from: Date; to: Date } },
): Promise<UnbilledHour[]> {
  const { organizationId, month } = of;
  const earliest = new Date(month.from);
  earliest.setUTCMonth(earliest.getUTCMonth() - LATE_MONTHS_MAX);
  return tx.$queryRaw<UnbilledHour[]>`
    WITH latest AS (
      SELECT DISTINCT ON (hour_at) hour_at, revision, requests, cpu_ns, egress_bytes
      FROM usage_seal
      WHERE organization_id = ${organizationId} AND hour_at >= ${earliest} AND hour_at < ${month.to}
      ORDER BY hour_at, revision DESC
    ), billed AS (
      SELECT hour_at, max(revision) AS revision, sum(requests) AS requests, sum(cpu_ns) AS cpu_ns, sum(egress_bytes) AS egress_bytes
      FROM billed_hour
      WHERE organization_id = ${organizationId} AND hour_at >= ${earliest} AND hour_at < ${month.to}
      GROUP BY hour_at
    )
    SELECT hour_at AS "hourAt", latest.revision,
           (latest.requests - coalesce(billed.requests, 0))::bigint AS requests,
           (latest.cpu_ns - coalesce(billed.cpu_ns, 0))::bigint AS "cpuNs",
           (latest.egress_bytes - coalesce(billed.egress_bytes, 0))::bigint AS "egressBytes"
    FROM latest LEFT JOIN billed USING (hour_at)
    WHERE latest.revision > coalesce(billed.revision, 0)
      AND (hour_at >= ${month.from} OR EXISTS (
        SELECT FROM invoice
        WHERE organization_id = ${organizationId} AND state <> 'draft' AND period_from <= hour_at AND period_to > hour_at
      ))
    ORDER BY hour_at`;
}

/** What invoices have counted of an organization's hours from `from` to `to`, hour by hour. */
export async function billedUsage(
  tx: Tx,
  of: { organizationId: Id<"organization">; from: Date; to: Date },
): Promise<(Usage & { hourAt: Date })[]> {
  return tx.billedHour.findMany({
    where: { organizationId: of.organizationId, hourAt: { gte: of.from, lt: of.to } },
    select: { hourAt: true, requests: true, cpuNs: true, egressBytes: true },
  });
}

/** Writes down which revisions an invoice stands for. Each can be on one invoice only: the key says so. */
export async function billHours(
  tx: Tx,
  of: { organizationId: Id<"organization">; invoiceId: string; hours: readonly UnbilledHour[] },
): Promise<void> {
  const { organizationId, invoiceId, hours } = of;
  await tx.billedHour.createMany({ data: hours.map((hour) => ({ ...hour, organizationId, invoiceId })) });
}
