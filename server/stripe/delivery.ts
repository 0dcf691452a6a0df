import Stripe from "stripe";
import { messageOf } from "#server/std/fault.ts";

/** What an answer to a meter event means for the hour that was sent. */
export type Delivery =
  | { kind: "delivered" }
  /** Again later, under the same key: Stripe may or may not have it, and the key makes no difference. */
  | { kind: "again"; because: string }
  /** Again later under a new key: Stripe keeps what it answered under this one. */
  | { kind: "again_under_new_key"; because: string }
  /** Stripe takes nothing that old. */
  | { kind: "too_late"; because: string }
  /** Nothing of this organization can be sent until somebody looks. */
  | { kind: "park"; because: string }
  /** Nothing at all can be sent until somebody looks. */
  | { kind: "stop"; because: string };

/**
 * Reads an error of Stripe's. Its code for a known identifier is not documented, so the message decides: that an event
 * with this identifier exists is the proof that it was delivered.
 */
export function deliveryOf(error: unknown): Delivery {
  const because = messageOf(error);
  if (!(error instanceof Stripe.errors.StripeError)) throw error;
  if (error instanceof Stripe.errors.StripeAuthenticationError || error instanceof Stripe.errors.StripePermissionError)
    return { kind: "stop", because };
  if (error instanceof Stripe.errors.StripeIdempotencyError) return { kind: "again_under_new_key", because };
  if (error.statusCode === undefined || error.statusCode === 429 || error.statusCode === 409)
    return { kind: "again", because };
  if (error.statusCode >= 500) return { kind: "again_under_new_key", because };
  return refusalOf(error, because);
}

function refusalOf(error: Stripe.errors.StripeError, because: string): Delivery {
  if (/already exists with identifier/i.test(because)) return { kind: "delivered" };
  if (/days in (the )?past/i.test(because) || error.code === "timestamp_too_far_in_past")
    return { kind: "too_late", because };
  // Our clock runs ahead of Stripe's: it will have caught up.
  if (/in the future/i.test(because) || error.code === "timestamp_in_future")
    return { kind: "again_under_new_key", because };
  if (/no such customer/i.test(because) || error.code === "meter_event_customer_not_found")
    return { kind: "park", because };
  if (/meter/i.test(error.code ?? "") || /no active meter/i.test(because)) return meterRefusal(error, because);
  return { kind: "park", because };
}

function meterRefusal(error: Stripe.errors.StripeError, because: string): Delivery {
  return error.code === "meter_event_value_too_many_digits" || error.code === "meter_event_invalid_value"
    ? { kind: "park", because }
    : { kind: "stop", because };
}
