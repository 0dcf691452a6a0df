import { brokenLink, newestRevisions, type Seal } from "#server/metering/seal-text.ts";
import { isBilledMonth, lateLines, merged, monthLines, type Hour, type Line } from "./re-rate.ts";
import { readExport, Refused, type CountedHour, type Export } from "./read-export.ts";

export type Verdict = {
  number: string;
  totalCents: bigint;
  creditCents: bigint;
  seals: number;
  hours: number;
  facts: bigint;
  /** Hours whose facts are no longer kept: their seals hold, and their sums can't be made again. */
  hoursWithoutFacts: number;
  /** The seal to compare with the one on the invoice that was sent. */
  sealHash: string;
};

/**
 * Adds an export up from nothing. Throws `Refused` with what does not hold; what it returns was all found to be so. Facts are
 * kept for thirteen months: an older export has none, and whoever accepts that has to say so.
 */
export async function checkExport(
  lines: AsyncIterable<string>,
  options: { mayLackFacts: boolean } = { mayLackFacts: false },
): Promise<Verdict> {
  const found = await readExport(lines);
  const { period_from: from, period_to: to } = found.invoice;
  if (!isMonth(from, to)) throw new Refused(`An invoice is of one month (UTC); this one says ${from} to ${to}.`);
  checkChain(found);
  const hoursWithoutFacts = checkFacts(found, options.mayLackFacts);
  checkCounts(found);
  checkLines(found);
  const { number, total_cents: total, credit_cents: credit, seal_hash: sealHash } = found.invoice;
  const counted = found.hours.filter(({ invoice }) => invoice === "this");
  return {
    number,
    totalCents: BigInt(total),
    creditCents: BigInt(credit),
    seals: found.seals.length,
    hours: counted.length,
    facts: counted.reduce((sum, { facts }) => sum + BigInt(facts?.facts ?? "0"), 0n),
    hoursWithoutFacts,
    sealHash,
  };
}

/** Each seal follows on the one before, all are this organization's, and the invoice's own seal is among them. */
function checkChain({ invoice, seals }: Export): void {
  const broken = brokenLink(seals);
  if (broken) throw new Refused(`The chain breaks at seal ${broken.number}: ${broken.reason}.`);
  if (seals.some((seal) => seal.organization_id !== invoice.organization_id))
    throw new Refused("The chain is another organization's than the invoice.");
  if (invoice.seal_hash !== "" && !seals.some(({ hash }) => hash === invoice.seal_hash))
    throw new Refused("The seal that stands on the invoice is not in the chain.");
}

/** The facts under each hour are those that its newest seal is of. Returns of how many hours there are none any more. */
function checkFacts({ hours, seals }: Export, mayLackFacts: boolean): number {
  const newest = new Map(newestRevisions(seals).map((seal) => [seal.hour_at, seal]));
  let without = 0;
  for (const { hour_at: at, facts } of hours.filter(({ invoice }) => invoice === "this")) {
    const seal = newest.get(at);
    if (!seal) throw new Refused(`The hour ${at} is counted, and no seal is of it.`);
    if (mayLackFacts && facts?.facts === "0") {
      without += 1;
      continue;
    }
    for (const column of ["facts", "requests", "cpu_ns", "egress_bytes", "facts_digest"] as const)
      if (facts?.[column] !== seal[column])
        throw new Refused(`The facts of ${at} give another ${column} than its seal.`);
  }
  return without;
}

/** What is counted of an hour is its seal's, less what an earlier invoice counted of it; and each revision is counted once. */
function checkCounts({ hours, seals }: Export): void {
  const sealOf = new Map(seals.map((seal) => [`${seal.hour_at} ${seal.revision}`, seal]));
  const counted = new Map<string, Seal>();
  for (const hour of hours) {
    const seal = sealOf.get(`${hour.hour_at} ${hour.revision}`);
    if (!seal) throw new Refused(`Revision ${hour.revision} of ${hour.hour_at} is counted, and there is no such seal.`);
    const before = counted.get(hour.hour_at);
    if (before && BigInt(before.revision) >= BigInt(seal.revision))
      throw new Refused(`The hour ${hour.hour_at} is counted twice.`);
    for (const column of ["requests", "cpu_ns", "egress_bytes"] as const) {
      const expected = BigInt(seal[column]) - BigInt(before?.[column] ?? "0");
      if (BigInt(hour[column]) !== expected)
        throw new Refused(`Of ${hour.hour_at} another ${column} is counted than sealed.`);
    }
    counted.set(hour.hour_at, seal);
  }
}

/** The lines, made again out of hours, plans and prices, are the invoice's; so is their sum. */
function checkLines(found: Export): void {
  const { invoice } = found;
  const made = [...ownLines(found), ...lateOnes(found)].map(canonical).toSorted();
  const written = found.lines.map(canonicalOfWritten).toSorted();
  const missing = made.find((line) => !written.includes(line));
  if (missing) throw new Refused(`The usage makes a line that the invoice does not have: ${missing}`);
  const extra = written.find((line) => !made.includes(line));
  if (extra || made.length !== written.length)
    throw new Refused(`The invoice has a line that no usage makes: ${extra ?? ""}`);
  if (found.lines.some((line, index) => line["position"] !== String(index + 1)))
    throw new Refused("The invoice's lines are not all there, or not in their order.");
  const total = found.lines.reduce((sum, line) => sum + BigInt(line["cents"] ?? "0"), 0n);
  if (BigInt(invoice.total_cents) !== total)
    throw new Refused(`The lines come to ${total} cents, the invoice says ${invoice.total_cents}.`);
  if (BigInt(invoice.credit_cents) > total) throw new Refused("More credit was taken than the invoice comes to.");
}

function ownLines(found: Export): Line[] {
  const month = { from: found.invoice.period_from, to: found.invoice.period_to };
  if (!isBilledMonth(month, found)) return [];
  return monthLines(month, merged(hoursWithin(found.hours, month).map(asHour)), found);
}

function lateOnes(found: Export): Line[] {
  const late = found.hours.filter((hour) => hour.invoice === "this" && hour.hour_at < found.invoice.period_from);
  const months = new Set(late.map(({ hour_at }) => `${hour_at.slice(0, 7)}-01T00:00:00.000Z`));
  return [...months].flatMap((from) => {
    const month = { from, to: nextMonth(from) };
    const hours = hoursWithin(found.hours, month);
    const [before, added] = [hours.filter(isEarlier), hours.filter((hour) => !isEarlier(hour))];
    return lateLines(month, { before: merged(before.map(asHour)), late: added.map(asHour) }, found);
  });
}

const isEarlier = ({ invoice }: CountedHour): boolean => invoice === "earlier";

function hoursWithin(hours: readonly CountedHour[], month: { from: string; to: string }): CountedHour[] {
  return hours.filter(({ hour_at: at }) => at >= month.from && at < month.to);
}

function asHour({ hour_at, requests, cpu_ns, egress_bytes }: CountedHour): Hour {
  return { hour_at, requests: BigInt(requests), cpu: BigInt(cpu_ns), egress: BigInt(egress_bytes) };
}

function isMonth(from: string, to: string): boolean {
  return /^\d{4}-\d{2}-01T00:00:00\.000Z$/.test(from) && !Number.isNaN(Date.parse(from)) && nextMonth(from) === to;
}

function nextMonth(from: string): string {
  const at = new Date(from);
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1)).toISOString();
}

const lineFields = [
  "type",
  "from",
  "to",
  "meter",
  "plan",
  "price_version",
  "quantity",
  "billable",
  "price",
  "per",
  "cents",
] as const;

function canonical(line: Line): string {
  return lineFields.map((name) => line[name]).join(" | ");
}

function canonicalOfWritten(line: Record<string, string>): string {
  return lineFields.map((name) => line[name]).join(" | ");
}
