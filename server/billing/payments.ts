import type { PlanName } from "#server/db/generated/enums.ts";
import type { Id } from "#server/std/id.ts";
import type { Meter } from "./price-book.ts";

export type PlanChange = { kind: "applied" } | { kind: "payment_required"; url: string };

export type Card = { brand: string; last4: string; expires: string };

/** What billing wants of whoever moves money. Nothing below it knows a provider. */
export interface Payments {
  /** False: no money moves through anybody; invoices are our own ledger's only. */
  readonly collects: boolean;
  /** Where the browser goes to add a card; comes back to returnUrl. */
  cardSetup(organizationId: Id<"organization">, returnUrl: string): Promise<{ url: string }>;
  /** The card that invoices are charged to; null when there is none. */
  card(organizationId: Id<"organization">): Promise<Card | null>;
  /** Where the browser goes to manage cards and addresses; comes back to returnUrl. */
  portal(organizationId: Id<"organization">, returnUrl: string): Promise<{ url: string }>;
  /** Changes the plan (`applyPlan`), at once or after the payer has done something at `url`. */
  changePlan(organizationId: Id<"organization">, plan: PlanName, returnUrl: string): Promise<PlanChange>;
  /** The provider's own lines for the running period, to be held against ours; null where it has none. */
  preview(
    organizationId: Id<"organization">,
  ): Promise<{ totalCents: bigint; lines: { meter: Meter | "fee"; cents: bigint }[] } | null>;
}
