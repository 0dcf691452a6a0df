import type { StripeTools } from "../tools.ts";
import { checkoutSessionCompleted } from "./checkout-session-completed.ts";
import { customerDeleted } from "./customer-deleted.ts";
import { subscriptionCreated } from "./customer-subscription-created.ts";
import { subscriptionDeleted } from "./customer-subscription-deleted.ts";
import { subscriptionUpdated } from "./customer-subscription-updated.ts";
import { customerUpdated } from "./customer-updated.ts";
import { invoiceCreated } from "./invoice-created.ts";
import { invoiceFinalizationFailed } from "./invoice-finalization-failed.ts";
import { invoiceFinalized } from "./invoice-finalized.ts";
import { invoiceMarkedUncollectible } from "./invoice-marked-uncollectible.ts";
import { invoicePaid } from "./invoice-paid.ts";
import { invoicePaymentFailed } from "./invoice-payment-failed.ts";
import { invoiceUpdated } from "./invoice-updated.ts";
import { invoiceVoided } from "./invoice-voided.ts";
import type { WebhookType } from "./webhook-types.ts";

/** What is done about an event: the object that it names is fetched, and what it is now is written down. */
export const handlers: Record<WebhookType, (tools: StripeTools, objectId: string) => Promise<void>> = {
  "checkout.session.completed": checkoutSessionCompleted,
  "customer.updated": customerUpdated,
  "customer.deleted": customerDeleted,
  "customer.subscription.created": subscriptionCreated,
  "customer.subscription.updated": subscriptionUpdated,
  "customer.subscription.deleted": subscriptionDeleted,
  "invoice.created": invoiceCreated,
  "invoice.updated": invoiceUpdated,
  "invoice.finalized": invoiceFinalized,
  "invoice.finalization_failed": invoiceFinalizationFailed,
  "invoice.paid": invoicePaid,
  "invoice.payment_failed": invoicePaymentFailed,
  "invoice.voided": invoiceVoided,
  "invoice.marked_uncollectible": invoiceMarkedUncollectible,
};
