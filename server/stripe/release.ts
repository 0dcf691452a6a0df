import { recordAudit } from "#server/accounts/audit.ts";
import { Fault } from "#server/std/fault.ts";
import { asId, type Id } from "#server/std/id.ts";
import { releaseInvoice, type Step } from "./period-close.ts";
import type { StripeTools } from "./tools.ts";

/** An operator lets a held invoice be looked at again: it is closed if both sides agree by now, and held again if not. */
export async function lookAgain(
  tools: StripeTools,
  of: { userId: Id<"user">; invoiceId: string },
): Promise<{ step: Step }> {
  const invoice = await tools.db.stripeInvoice.findUnique({
    where: { invoiceId: of.invoiceId },
    select: { organizationId: true, heldBecause: true },
  });
  if (!invoice || invoice.heldBecause === null)
    throw new Fault("not_found", "No such invoice is held. Reload the page.");
  const organizationId = asId("organization", invoice.organizationId);
  const detail = { because: invoice.heldBecause };
  await tools.db.$transaction((tx) =>
    recordAudit(tx, {
      organizationId,
      userId: of.userId,
      action: "invoice.looked_at_again",
      subject: of.invoiceId,
      detail,
    }),
  );
  return { step: await releaseInvoice(tools, of.invoiceId) };
}

/** An operator put right why an organization's usage could not be told: it is told again from now on. */
export async function unpark(
  { db }: Pick<StripeTools, "db">,
  of: { userId: Id<"user">; organizationId: Id<"organization"> },
): Promise<void> {
  const { userId, organizationId } = of;
  await db.$transaction(async (tx) => {
    const { count } = await tx.stripeCustomer.updateMany({
      where: { organizationId, parkedBecause: { not: null } },
      data: { parkedBecause: null },
    });
    if (count === 0) throw new Fault("not_found", "This organization is not parked. Reload the page.");
    await tx.stripeOutbox.updateMany({ where: { organizationId, state: "queued" }, data: { nextAt: new Date(0) } });
    await tx.stripeNotice.deleteMany({ where: { key: `parked:${organizationId}` } });
    await recordAudit(tx, { organizationId, userId, action: "usage.unparked", subject: organizationId });
  });
}
