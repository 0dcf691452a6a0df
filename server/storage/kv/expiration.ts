import { Fault } from "#server/std/fault.ts";
import { EXPIRATION_SECONDS_MIN } from "./bounds.ts";

/** When a value is to be gone, as the Workers API says it: a moment in seconds since 1970, or so many seconds from now. Texts as they came. */
export type ExpirationWish = { expiration?: string | undefined; expirationTtl?: string | undefined };

/** The moment in seconds since 1970, or null for never. A time to live goes before a moment. Faults say what Workers KV says. */
export function expiresAtS({ expiration, expirationTtl }: ExpirationWish, nowMs: number): number | null {
  const nowS = Math.floor(nowMs / 1000);
  if (expirationTtl !== undefined) return nowS + timeToLive(expirationTtl);
  if (expiration === undefined) return null;
  const at = Number.parseInt(expiration, 10);
  if (!Number.isSafeInteger(at) || at <= nowS) {
    throw refusal(
      `Invalid expiration of ${expiration}. Please specify integer greater than the current number of seconds since the UNIX epoch.`,
    );
  }
  if (at < nowS + EXPIRATION_SECONDS_MIN) {
    throw refusal(
      `Invalid expiration of ${expiration}. Expiration times must be at least ${EXPIRATION_SECONDS_MIN} seconds in the future.`,
    );
  }
  return Math.min(at, LATEST_S);
}

function timeToLive(text: string): number {
  const ttl = Number.parseInt(text, 10);
  if (!Number.isSafeInteger(ttl) || ttl <= 0) {
    throw refusal(`Invalid expiration_ttl of ${text}. Please specify integer greater than 0.`);
  }
  if (ttl < EXPIRATION_SECONDS_MIN) {
    throw refusal(`Invalid expiration_ttl of ${text}. Expiration TTL must be at least ${EXPIRATION_SECONDS_MIN}.`);
  }
  return Math.min(ttl, LATEST_S);
}

/** The year 128,000: what is meant to last for longer lasts until then, as Postgres's own calendar ends some day too. */
const LATEST_S = 4_000_000_000_000;

function refusal(message: string): Fault {
  return new Fault("invalid", message, { field: "expiration" });
}
