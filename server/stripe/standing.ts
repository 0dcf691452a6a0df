import { recordAudit } from "#server/accounts/audit.ts";
import { emailsOfAllowed } from "#server/accounts/membership.ts";
import { setUnpaid } from "#server/billing/spending-rule.ts";
import { queueMail } from "#server/mail/outbox.ts";
import { DAY_MS } from "#server/std/clock.ts";
import { asId, type Id } from "#server/std/id.ts";
import { nowOf, type StripeTools } from "./tools.ts";

const GRACE_MS = 7 * DAY_MS;
/** When people are told within it; the last is that it is over. */
const NOTICES_MS = [0, 3 * DAY_MS, 6 * DAY_MS, GRACE_MS] as const;

export type Standing =
  | { kind: "good" }
  /** Functions go on, people are told. */
  | { kind: "grace"; endsAt: Date; noticesDue: number }
  /** Nothing more is lent: functions stop until the invoice is paid. */
  | { kind: "stopped"; noticesDue: number };

/** Where an organization stands whose oldest failed charge is so old. */
export function standingOf(unpaidSince: Date | null, now: Date): Standing {
  if (unpaidSince === null) return { kind: "good" };
  const passedMs = now.getTime() - unpaidSince.getTime();
  const noticesDue = NOTICES_MS.filter((atMs) => passedMs >= atMs).length;
  if (passedMs >= GRACE_MS) return { kind: "stopped", noticesDue };
  return { kind: "grace", endsAt: new Date(unpaidSince.getTime() + GRACE_MS), noticesDue };
}

type Tools = StripeTools & {
  /** Null where no mail is sent. */
  mail: { billingUrl(organizationSlug: string): string } | null;
};

/** Takes over from the invoices since when each organization owes something. */
export async function noteUnpaid({ db }: Pick<StripeTools, "db">, organizationId: string): Promise<void> {
  await db.$executeRaw`
    UPDATE stripe_customer AS customer SET unpaid_since = owed.since,
           notices_given = CASE WHEN owed.since IS NULL THEN 0 ELSE customer.notices_given END
    FROM (SELECT min(overdue_since) AS since FROM stripe_invoice WHERE organization_id = ${organizationId}) AS owed
    WHERE customer.organization_id = ${organizationId} AND customer.unpaid_since IS DISTINCT FROM owed.since`;
}

/** Tells those who owe, stops those whose time is up, and lets go on whoever paid. Returns for how many something changed. */
export async function enforceStanding(tools: Tools): Promise<number> {
  const now = nowOf(tools);
  const rows = await tools.db.stripeCustomer.findMany({
    where: { OR: [{ unpaidSince: { not: null } }, { wasStopped: true }] },
    select: { organizationId: true, unpaidSince: true, noticesGiven: true, wasStopped: true },
  });
  let changed = 0;
  for (const row of rows) if (await enforce(tools, row, standingOf(row.unpaidSince, now))) changed += 1;
  return changed;
}

type Row = { organizationId: string; unpaidSince: Date | null; noticesGiven: number; wasStopped: boolean };

async function enforce(tools: Tools, row: Row, standing: Standing): Promise<boolean> {
  const organizationId = asId("organization", row.organizationId);
  switch (standing.kind) {
    case "good":
      if (!row.wasStopped) return false;
      await stop(tools, organizationId, null);
      return true;
    case "grace":
      return tell(tools, row, standing);
    case "stopped":
      if (!row.wasStopped) {
        const unpaidBecause = "An invoice was not paid for seven days. Functions answer again as soon as it is.";
        await stop(tools, organizationId, unpaidBecause);
      }
      return (await tell(tools, row, standing)) || !row.wasStopped;
  }
}

/** The runtime is told in the same transaction in which it is noted. */
async function stop(tools: Tools, organizationId: Id<"organization">, unpaidBecause: string | null): Promise<void> {
  const wasStopped = unpaidBecause !== null;
  await tools.db.$transaction(async (tx) => {
    await setUnpaid(tx, { organizationId, unpaidBecause });
    await tx.stripeCustomer.update({
      where: { organizationId },
      data: { wasStopped },
      select: { organizationId: true },
    });
  });
}

/** One notice for all that are due: whoever was not told in time is told once. The row is taken first, so that two consoles tell it once. */
async function tell(
  tools: Tools,
  row: Row,
  standing: Extract<Standing, { kind: "grace" | "stopped" }>,
): Promise<boolean> {
  if (standing.noticesDue <= row.noticesGiven) return false;
  const organizationId = asId("organization", row.organizationId);
  return tools.db.$transaction(async (tx) => {
    const { count } = await tx.stripeCustomer.updateMany({
      where: { organizationId, noticesGiven: row.noticesGiven },
      data: { noticesGiven: standing.noticesDue },
    });
    if (count === 0) return false;
    const detail = { notice: standing.noticesDue };
    await recordAudit(tx, { organizationId, userId: null, action: "payment.overdue", subject: organizationId, detail });
    if (!tools.mail) return true;
    const { name, slug } = await tx.organization.findUniqueOrThrow({
      where: { id: organizationId },
      select: { name: true, slug: true },
    });
    const message = overdueMail(name, standing, tools.mail.billingUrl(slug));
    for (const to of await emailsOfAllowed(tx, { organizationId, permission: "billing:read" }))
      await queueMail(tx, { to, ...message, now: nowOf(tools) });
    return true;
  });
}

function overdueMail(
  organizationName: string,
  standing: Extract<Standing, { kind: "grace" | "stopped" }>,
  url: string,
): { subject: string; text: string } {
  const what = `The card of ${organizationName} was declined, and an invoice is still to be paid.`;
  const remedy = `Change the card or pay the invoice here:\n${url}`;
  if (standing.kind === "stopped")
    return {
      subject: `${organizationName}: functions have stopped, an invoice is not paid`,
      text: `${what}\n\nIts functions no longer answer. They do again as soon as the invoice is paid; nothing is deleted.\n\n${remedy}\n`,
    };
  const until = standing.endsAt.toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
  return {
    subject: `${organizationName}: a payment failed`,
    text: `${what}\n\nIts functions go on until ${until} (UTC), and stop then unless it is paid.\n\n${remedy}\n`,
  };
}
