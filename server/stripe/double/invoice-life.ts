import { drawCredits } from "./credits.ts";
import { emit } from "./events.ts";
import { invoiceAnswer, linesOf, totalOf } from "./invoice-answer.ts";
import { Refusal } from "./refusal.ts";
import type { Wire } from "./shape.ts";
import type { Invoice, Subscription, World } from "./world.ts";

const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 86_400;
const RETRY_SECONDS = 3 * DAY_SECONDS;
const ATTEMPTS_MAX = 4;

type NewInvoice = Pick<Invoice, "customer" | "subscription" | "reason" | "lines" | "periodStart" | "periodEnd">;

/** A new draft takes in what was set aside, and is finalized an hour later unless somebody says otherwise. */
export function draftInvoice(world: World, given: NewInvoice): Invoice {
  const invoice: Invoice = {
    ...given,
    id: world.newId("in"),
    created: world.now,
    status: "draft",
    autoAdvance: true,
    finalizesAt: world.now + HOUR_SECONDS,
    finalizedAt: null,
    paidAt: null,
    number: null,
    attempts: 0,
    nextAttemptAt: null,
    metadata: {},
    createdEvent: "",
  };
  world.invoices.set(invoice.id, invoice);
  for (const line of given.lines) {
    const item = line.from.kind === "item" ? world.invoiceItems.get(line.from.invoiceItem) : undefined;
    if (item) item.invoice = invoice.id;
  }
  invoice.createdEvent = emit(world, "invoice.created", invoiceAnswer(world, invoice));
  return invoice;
}

/** Freezes the lines: what is used later is on no invoice any more. */
export function finalize(world: World, invoice: Invoice): void {
  if (invoice.status !== "draft")
    throw new Refusal(400, "This invoice is already finalized, you can't re-finalize a non-draft invoice.", {
      code: "invoice_not_editable",
    });
  invoice.lines = drawCredits(world, invoice.customer, linesOf(world, invoice));
  invoice.status = "open";
  invoice.finalizedAt = world.now;
  invoice.number = `SLUICE-${String([...world.invoices.values()].filter(({ number }) => number !== null).length + 1).padStart(4, "0")}`;
  emit(world, "invoice.finalized", invoiceAnswer(world, invoice));
}

/** Charges the default card. Returns why it was declined; undefined when the invoice is paid. */
export function collect(world: World, invoice: Invoice): string | undefined {
  const customer = world.customers.get(invoice.customer);
  const subscription = invoice.subscription === null ? undefined : world.subscriptions.get(invoice.subscription);
  const methodId = subscription?.defaultPaymentMethod ?? customer?.defaultPaymentMethod ?? null;
  const method = methodId === null ? undefined : world.paymentMethods.get(methodId);
  const declined = method === undefined ? "no_payment_method" : method.declines ? "generic_decline" : undefined;
  const isDue = totalOf(invoice.lines) > 0n;
  if (isDue) invoice.attempts += 1;
  if (!isDue || declined === undefined) {
    invoice.status = "paid";
    invoice.paidAt = world.now;
    invoice.nextAttemptAt = null;
    emit(world, "invoice.paid", invoiceAnswer(world, invoice));
    return undefined;
  }
  invoice.nextAttemptAt = invoice.attempts < ATTEMPTS_MAX ? world.now + RETRY_SECONDS : null;
  emit(world, "invoice.payment_failed", invoiceAnswer(world, invoice));
  return declined;
}

/** A paid invoice makes its subscription good again, an unpaid one past due and, when all attempts failed, unpaid. */
export function settleSubscription(world: World, invoice: Invoice): void {
  const subscription = invoice.subscription === null ? undefined : world.subscriptions.get(invoice.subscription);
  if (!subscription || subscription.status === "canceled") return;
  const owes = [...world.invoices.values()].some(
    (one) => one.subscription === subscription.id && one.status === "open",
  );
  const before = subscription.status;
  if (!owes) subscription.status = "active";
  else subscription.status = invoice.nextAttemptAt === null ? "unpaid" : "past_due";
  if (subscription.status !== before) emit(world, "customer.subscription.updated", subscriptionHint(subscription));
}

/** Events are hints: whoever hears one asks for the object. */
export function subscriptionHint(subscription: Subscription): { [name: string]: Wire } {
  return { id: subscription.id, object: "subscription", customer: subscription.customer, status: subscription.status };
}
