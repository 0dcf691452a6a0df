import type Stripe from "stripe";
import type { Db } from "#server/db/client.ts";
import type { Clock } from "#server/std/clock.ts";
import type { Log } from "#server/std/log.ts";

/** What most of this room works with. */
export type StripeTools = {
  db: Db;
  /** A pool of its own for transactions that only hold a lock: who waits for a lock takes no connection from those who work. */
  locks: Db;
  stripe: Stripe;
  clock: Clock;
  log: Log;
};

export function nowOf({ clock }: Pick<StripeTools, "clock">): Date {
  return new Date(clock.nowMs());
}

/** Stripe counts in whole seconds. */
export function toSeconds(at: Date): number {
  return Math.floor(at.getTime() / 1000);
}

export function fromSeconds(seconds: number): Date {
  return new Date(seconds * 1000);
}

/** An object's id, whether Stripe sent the id or the object. */
export function idOf(of: string | { id: string } | null | undefined): string | null {
  return typeof of === "string" ? of : (of?.id ?? null);
}
