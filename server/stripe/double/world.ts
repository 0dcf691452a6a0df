import type { Tier } from "./amounts.ts";
import type { Wire } from "./shape.ts";

/** What one Stripe account holds. Times are whole seconds of the double's own clock, amounts BigInt. */
export type Customer = {
  id: string;
  created: number;
  email: string | null;
  name: string | null;
  metadata: Record<string, string>;
  defaultPaymentMethod: string | null;
  isDeleted: boolean;
};
export type PaymentMethod = {
  id: string;
  created: number;
  customer: string | null;
  brand: string;
  last4: string;
  /** Whether charges to it are declined. */
  declines: boolean;
};
export type Product = {
  id: string;
  created: number;
  name: string;
  metadata: Record<string, string>;
  unitLabel: string | null;
};
export type Price = {
  id: string;
  created: number;
  product: string;
  isActive: boolean;
  lookupKey: string | null;
  nickname: string | null;
  metadata: Record<string, string>;
  recurring: { meter: string | null } | null;
  unit: bigint | null;
  tiers: Tier[] | null;
  tiersMode: "graduated" | "volume" | null;
};
export type Meter = {
  id: string;
  created: number;
  updated: number;
  displayName: string;
  eventName: string;
  formula: "sum" | "count" | "last";
  window: "hour" | "day" | null;
  isActive: boolean;
};
export type MeterEvent = {
  identifier: string;
  meter: string;
  customer: string;
  value: bigint;
  timestamp: number;
  receivedAt: number;
  /** From when on sums and invoices know it. */
  countsAt: number;
};
export type SubscriptionItem = {
  id: string;
  created: number;
  price: string;
  quantity: number | null;
  periodStart: number;
  periodEnd: number;
};
export type SubscriptionStatus = "incomplete" | "active" | "past_due" | "unpaid" | "canceled";
export type Subscription = {
  id: string;
  created: number;
  /** Earlier than `created` for one that was backdated. */
  startDate: number;
  customer: string;
  status: SubscriptionStatus;
  items: SubscriptionItem[];
  anchor: number;
  metadata: Record<string, string>;
  canceledAt: number | null;
  cancelAtPeriodEnd: boolean;
  latestInvoice: string | null;
  defaultPaymentMethod: string | null;
};
export type InvoiceLine = {
  id: string;
  cents: bigint;
  description: string;
  quantity: bigint;
  price: string | null;
  start: number;
  end: number;
  metadata: Record<string, string>;
  from:
    | { kind: "item"; invoiceItem: string; isProration: boolean }
    | { kind: "subscription"; item: string; isMetered: boolean };
  /** What a credit grant took off. */
  creditedCents: bigint;
};
export type Invoice = {
  id: string;
  created: number;
  customer: string;
  subscription: string | null;
  status: "draft" | "open" | "paid" | "void" | "uncollectible";
  reason: "subscription_create" | "subscription_cycle" | "subscription_update" | "manual";
  lines: InvoiceLine[];
  periodStart: number;
  periodEnd: number;
  autoAdvance: boolean;
  finalizesAt: number | null;
  finalizedAt: number | null;
  paidAt: number | null;
  number: string | null;
  attempts: number;
  nextAttemptAt: number | null;
  metadata: Record<string, string>;
  createdEvent: string;
};
export type InvoiceItem = {
  id: string;
  created: number;
  customer: string;
  subscription: string | null;
  cents: bigint;
  description: string | null;
  metadata: Record<string, string>;
  start: number;
  end: number;
  invoice: string | null;
  isProration: boolean;
};
export type SetupIntent = {
  id: string;
  created: number;
  customer: string;
  metadata: Record<string, string>;
  status: "requires_payment_method" | "succeeded";
  paymentMethod: string | null;
  lastError: string | null;
};
export type CheckoutSession = {
  id: string;
  created: number;
  expiresAt: number;
  customer: string;
  setupIntent: string;
  successUrl: string;
  cancelUrl: string | null;
  metadata: Record<string, string>;
  status: "open" | "complete" | "expired";
};
export type PortalConfiguration = {
  id: string;
  created: number;
  updated: number;
  isActive: boolean;
  metadata: Record<string, string>;
  features: Wire;
  defaultReturnUrl: string | null;
};
export type PortalSession = {
  id: string;
  created: number;
  customer: string;
  configuration: string;
  returnUrl: string | null;
};
export type CreditGrant = {
  id: string;
  created: number;
  customer: string;
  cents: bigint;
  leftCents: bigint;
  category: "promotional" | "paid";
  name: string | null;
  metadata: Record<string, string>;
  expiresAt: number | null;
  voidedAt: number | null;
  priority: number;
};
export type WebhookEndpoint = {
  id: string;
  created: number;
  url: string;
  events: string[];
  apiVersion: string;
  secret: string;
  isEnabled: boolean;
  description: string | null;
  metadata: Record<string, string>;
};
export type StripeEvent = {
  id: string;
  created: number;
  type: string;
  object: Wire;
  /** Deliveries that no endpoint has answered with 2xx yet. */
  pending: number;
  wasDelivered: boolean;
};

/** The account's objects by id, in the order in which they came. */
export class World {
  readonly customers = new Map<string, Customer>();
  readonly paymentMethods = new Map<string, PaymentMethod>();
  readonly products = new Map<string, Product>();
  readonly prices = new Map<string, Price>();
  readonly meters = new Map<string, Meter>();
  readonly meterEvents: MeterEvent[] = [];
  readonly subscriptions = new Map<string, Subscription>();
  readonly invoices = new Map<string, Invoice>();
  readonly invoiceItems = new Map<string, InvoiceItem>();
  readonly setupIntents = new Map<string, SetupIntent>();
  readonly checkouts = new Map<string, CheckoutSession>();
  readonly portalConfigurations = new Map<string, PortalConfiguration>();
  readonly portalSessions = new Map<string, PortalSession>();
  readonly creditGrants = new Map<string, CreditGrant>();
  readonly webhookEndpoints = new Map<string, WebhookEndpoint>();
  readonly events = new Map<string, StripeEvent>();
  /** How long Stripe takes to count an event that it has taken: it does so later, and says nothing of it. */
  meterLagSeconds = 0;
  /** Where this account's own pages are. */
  origin = "http://127.0.0.1";
  #serial = 0;
  #baseMs: number;
  #tickingSinceMs: number | undefined;

  constructor(nowMs: number, options: { ticks?: boolean } = {}) {
    this.#baseMs = nowMs;
    this.#tickingSinceMs = options.ticks === true ? performance.now() : undefined;
  }

  /** The double's time, in whole seconds. */
  get now(): number {
    return Math.floor(this.nowMs / 1000);
  }

  get nowMs(): number {
    const ticked = this.#tickingSinceMs === undefined ? 0 : performance.now() - this.#tickingSinceMs;
    return Math.floor(this.#baseMs + ticked);
  }

  /** Whether its time goes on by itself, as its callers' does. */
  get ticks(): boolean {
    return this.#tickingSinceMs !== undefined;
  }

  moveTo(nowMs: number): void {
    this.#baseMs = nowMs;
    if (this.#tickingSinceMs !== undefined) this.#tickingSinceMs = performance.now();
  }

  newId(prefix: string): string {
    this.#serial += 1;
    return `${prefix}_${String(this.#serial).padStart(14, "0")}`;
  }
}
