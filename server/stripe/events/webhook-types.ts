/** What Stripe is asked to tell us: each has a file beside this one that applies it. */
export const webhookTypes = [
  "checkout.session.completed",
  "customer.updated",
  "customer.deleted",
  "customer.subscription.created",
  "customer.subscription.updated",
  "customer.subscription.deleted",
  "invoice.created",
  "invoice.updated",
  "invoice.finalized",
  "invoice.finalization_failed",
  "invoice.paid",
  "invoice.payment_failed",
  "invoice.voided",
  "invoice.marked_uncollectible",
] as const;

export type WebhookType = (typeof webhookTypes)[number];
