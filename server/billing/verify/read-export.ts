import { createHash } from "node:crypto";
import { factColumns, FactsSum, sealColumns, type Seal, type SealedFact } from "#server/metering/seal-text.ts";
import type { PlanFrom, Prices } from "./re-rate.ts";

/** Thrown with one sentence that says what does not hold. */
export class Refused extends Error {}

export type Entry = Record<string, unknown>;
export type FactsSums = ReturnType<FactsSum["end"]>;
export type CountedHour = {
  hour_at: string;
  revision: string;
  requests: string;
  cpu_ns: string;
  egress_bytes: string;
  invoice: string;
  /** Of hours that this invoice counts: what their facts in the export add up to. */
  facts: FactsSums | undefined;
};

export type Export = {
  invoice: Record<
    "organization_id" | "number" | "period_from" | "period_to" | "total_cents" | "credit_cents" | "seal_hash",
    string
  >;
  prices: Prices[];
  plans: PlanFrom[];
  lines: Record<string, string>[];
  seals: Seal[];
  hours: CountedHour[];
};

/** Reads an export line by line, adds up the facts of each hour on the way, and holds the whole against the digest in its last line. */
export async function readExport(lines: AsyncIterable<string>): Promise<Export> {
  const digest = createHash("sha256");
  const found: Export = { invoice: emptyInvoice(), prices: [], plans: [], lines: [], seals: [], hours: [] };
  let open: { hour: CountedHour; sum: FactsSum } | undefined;
  let end: string | undefined;
  for await (const line of lines) {
    if (end !== undefined) throw new Refused("There is more after the export's end.");
    const entry = parse(line);
    if (entry["entry"] === "end") end = text(entry, "sha256");
    else digest.update(`${line}\n`);
    if (entry["entry"] === "fact") {
      if (open?.hour.invoice !== "this")
        throw new Refused("A fact stands outside of an hour that this invoice counts.");
      open.sum.add(factOf(entry));
      continue;
    }
    if (open?.hour.invoice === "this") open.hour.facts = open.sum.end();
    open = undefined;
    if (entry["entry"] === "hour") {
      open = { hour: hourOf(entry), sum: new FactsSum() };
      found.hours.push(open.hour);
    } else take(found, entry);
  }
  if (end === undefined) throw new Refused("The export's end is missing: the file is not whole.");
  if (digest.digest("hex") !== end)
    throw new Refused("The file is not the one that was written: its digest is another.");
  return found;
}

function take(found: Export, entry: Entry): void {
  switch (entry["entry"]) {
    case "invoice":
      if (text(entry, "format") !== "sluice invoice export 1") throw new Refused("This is another kind of file.");
      found.invoice = record(entry, Object.keys(found.invoice) as (keyof Export["invoice"])[]);
      break;
    case "prices":
      found.prices.push(entry as Prices);
      break;
    case "plan":
      found.plans.push(record(entry, ["from", "plan"]));
      break;
    case "line":
      found.lines.push(record(entry, lineFields));
      break;
    case "seal":
      found.seals.push(record(entry, [...sealColumns, "hash"]));
      break;
    case "end":
      break;
    default:
      throw new Refused(`There is a line of an unknown kind: ${String(entry["entry"]).slice(0, 40)}.`);
  }
}

const lineFields = [
  "position",
  "type",
  "meter",
  "plan",
  "price_version",
  "from",
  "to",
  "quantity",
  "billable",
  "price",
  "per",
  "cents",
] as const;

function emptyInvoice(): Export["invoice"] {
  const names = [
    "organization_id",
    "number",
    "period_from",
    "period_to",
    "total_cents",
    "credit_cents",
    "seal_hash",
  ] as const;
  return Object.fromEntries(names.map((name) => [name, ""])) as Export["invoice"];
}

function parse(line: string): Entry {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value as Entry;
  } catch {
    // Said below, in words.
  }
  throw new Refused(`A line is not JSON: ${line.slice(0, 60)}`);
}

function text(entry: Entry, name: string): string {
  const value = entry[name];
  if (typeof value !== "string") throw new Refused(`A ${String(entry["entry"])} has no ${name}.`);
  return value;
}

function record<Name extends string>(entry: Entry, names: readonly Name[]): Record<Name, string> {
  return Object.fromEntries(names.map((name) => [name, text(entry, name)])) as Record<Name, string>;
}

function factOf(entry: Entry): SealedFact {
  return record(entry, factColumns);
}

function hourOf(entry: Entry): CountedHour {
  const names = ["hour_at", "revision", "requests", "cpu_ns", "egress_bytes", "invoice"] as const;
  return { ...record(entry, names), facts: undefined };
}
