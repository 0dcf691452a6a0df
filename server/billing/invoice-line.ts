import { z } from "zod";
import type { PlanName } from "#server/db/generated/enums.ts";
import { decimalCents, parseCents, type Picocents } from "#server/std/money.ts";
import type { Meter } from "./price-book.ts";
import type { FeeLine, UsageLine } from "./rating.ts";

/** What came to the ledger after its month was invoiced: what it adds to that month's lines, which stay as they are. */
export type LateLine = {
  kind: "late";
  meter: Meter;
  /** The month that it belongs to. */
  from: Date;
  to: Date;
  used: bigint;
  billable: bigint;
  cents: bigint;
};

export type InvoiceLine = FeeLine | UsageLine | LateLine;

export type LineRow = {
  kind: string;
  meter: string | null;
  plan: PlanName | null;
  priceVersion: number | null;
  fromAt: Date;
  toAt: Date;
  quantity: bigint;
  billable: bigint;
  price: string;
  per: bigint;
  cents: bigint;
};

/** The columns in which a line is kept. */
export const lineColumns = {
  position: true,
  kind: true,
  meter: true,
  plan: true,
  priceVersion: true,
  fromAt: true,
  toAt: true,
  quantity: true,
  billable: true,
  price: true,
  per: true,
  cents: true,
} as const;

export function rowOfLine(line: InvoiceLine): LineRow {
  const shared = { kind: line.kind, fromAt: line.from, toAt: line.to, cents: line.cents };
  switch (line.kind) {
    case "fee":
      return {
        ...shared,
        meter: null,
        plan: line.plan,
        priceVersion: line.priceVersion,
        quantity: line.hours,
        billable: line.hours,
        price: decimalCents(line.monthlyFee),
        per: line.hoursInMonth,
      };
    case "usage":
      return {
        ...shared,
        meter: line.meter,
        plan: null,
        priceVersion: line.priceVersion,
        quantity: line.used,
        billable: line.billable,
        price: decimalCents(line.price),
        per: line.per,
      };
    case "late":
      return {
        ...shared,
        meter: line.meter,
        plan: null,
        priceVersion: null,
        quantity: line.used,
        billable: line.billable,
        price: "",
        per: 1n,
      };
  }
}

const meter = z.enum(["requests", "cpu", "egress", "storage"]);
const price = z.string().transform((text): Picocents => parseCents(text));
const shared = { fromAt: z.date(), toAt: z.date(), quantity: z.bigint(), billable: z.bigint(), cents: z.bigint() };

const storedLine = z.discriminatedUnion("kind", [
  z.object({
    ...shared,
    kind: z.literal("fee"),
    plan: z.enum(["free", "pro"]),
    priceVersion: z.int(),
    price,
    per: z.bigint(),
  }),
  z.object({ ...shared, kind: z.literal("usage"), meter, priceVersion: z.int(), price, per: z.bigint() }),
  z.object({ ...shared, kind: z.literal("late"), meter }),
]);

/** The inverse of `rowOfLine`; a row that is none of ours is a bug, and thrown as such. */
export function lineOfRow(row: LineRow): InvoiceLine {
  const line = storedLine.parse(row);
  const period = { from: line.fromAt, to: line.toAt, cents: line.cents };
  switch (line.kind) {
    case "fee": {
      const { plan, priceVersion } = line;
      return {
        kind: "fee",
        plan,
        priceVersion,
        ...period,
        hours: line.quantity,
        hoursInMonth: line.per,
        monthlyFee: line.price,
      };
    }
    case "usage": {
      const { meter, priceVersion, billable, price, per } = line;
      return { kind: "usage", meter, priceVersion, ...period, used: line.quantity, billable, price, per };
    }
    case "late": {
      const { meter, billable } = line;
      return { kind: "late", meter, ...period, used: line.quantity, billable };
    }
  }
}
