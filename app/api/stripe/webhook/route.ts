import { takeWebhook } from "#server/api/stripe-webhook.ts";

/** Where Stripe says what happened. Its signature is over the bytes as they came, so they are read as text and nothing else. */
export async function POST(req: Request): Promise<Response> {
  return takeWebhook(req);
}
