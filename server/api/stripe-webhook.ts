import { receiveEvent } from "#server/stripe/webhook.ts";
import { parts } from "./context.ts";

/** An event is some kilobytes; an invoice with many lines some hundred. */
const BODY_BYTES_MAX = 1024 * 1024;

/** Hands an event of Stripe's to the room that takes it. Without a key and a secret there is nobody to take one. */
export async function takeWebhook(req: Request): Promise<Response> {
  const { stripe, env } = parts();
  const webhookSecret = env.STRIPE_WEBHOOK_SECRET;
  if (!stripe || webhookSecret === undefined)
    return new Response("This console expects no webhooks: set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET.\n", {
      status: 404,
    });
  const length = Number(req.headers.get("content-length") ?? Number.NaN);
  if (!(length <= BODY_BYTES_MAX)) return new Response("Too large.\n", { status: 413 });
  const delivery = { body: await req.text(), signature: req.headers.get("stripe-signature") };
  const { status, said } = await receiveEvent({ ...stripe, webhookSecret }, delivery);
  return new Response(said, { status });
}
