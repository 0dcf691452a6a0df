/**
 * A month's lines out of its hours, prices and plans, from nothing and hour by hour: a second way to the same sum, on
 * purpose without a line of the console's own. Amounts are BigInt; prices are decimal cents with at most 12 places.
 */
export type Prices = { version: string; effective_at: string; plans: Record<string, PlanPrices> };
export type PlanPrices = { monthlyFee: string; overage: string; meters: Record<string, MeterPrices> };
export type MeterPrices = { included: string; price: string; per: string };
export type PlanFrom = { from: string; plan: string };
export type Hour = { hour_at: string; requests: bigint; cpu: bigint; egress: bigint };

export type Line = {
  type: "fee" | "usage" | "late";
  meter: string;
  plan: string;
  price_version: string;
  from: string;
  to: string;
  quantity: bigint;
  billable: bigint;
  price: string;
  per: bigint;
  cents: bigint;
};

const METERS = ["requests", "cpu", "egress"] as const;
type MeterName = (typeof METERS)[number];

const HOUR_MS = 3_600_000;
const PICOCENTS = 10n ** 12n;

export type Rules = { prices: readonly Prices[]; plans: readonly PlanFrom[] };

/** The fee and the usage of a month. */
export function monthLines(month: { from: string; to: string }, hours: readonly Hour[], rules: Rules): Line[] {
  const used = new Map(hours.map((hour) => [hour.hour_at, hour]));
  const lines = new Map<string, Line>();
  const counted = { requests: 0n, cpu: 0n, egress: 0n };
  const allHours = hoursOf(month);
  for (const { at, end } of allHours) {
    const { plan, prices, terms } = inForce(at, rules);
    if (terms.monthlyFee !== "0" && at >= (rules.plans[0]?.from ?? ""))
      addFee(lines, {
        at,
        end,
        plan,
        version: prices.version,
        fee: terms.monthlyFee,
        hoursInMonth: BigInt(allHours.length),
      });
    for (const meter of METERS) {
      const quantity = used.get(at)?.[meter] ?? 0n;
      const billable = billableOf(terms, meter, { quantity, before: counted[meter] });
      counted[meter] += quantity;
      addUsage(lines, { at, end, meter, version: prices.version, price: terms.meters[meter], quantity, billable });
    }
  }
  return [...lines.values()].map((line) => ({ ...line, cents: roundedCents(line.billable, line.price, line.per) }));
}

/** What hours that came late add to a month: its lines with them less its lines without, meter by meter. */
export function lateLines(
  month: { from: string; to: string },
  hours: { before: readonly Hour[]; late: readonly Hour[] },
  rules: Rules,
): Line[] {
  const less = monthLines(month, hours.before, rules);
  const more = monthLines(month, merged([...hours.before, ...hours.late]), rules);
  return METERS.flatMap((meter) => {
    const sum = (lines: Line[], of: "quantity" | "billable" | "cents") =>
      lines.filter((line) => line.meter === meter).reduce((total, line) => total + line[of], 0n);
    const added = (of: "quantity" | "billable" | "cents") => sum(more, of) - sum(less, of);
    const [quantity, billable, cents] = [added("quantity"), added("billable"), added("cents")];
    if (quantity === 0n) return [];
    const none = { plan: "", price_version: "", price: "", per: 1n };
    return [{ type: "late", meter, ...none, ...month, quantity, billable, cents }];
  });
}

/** Hours of the same moment added together. */
export function merged(hours: readonly Hour[]): Hour[] {
  const sums = new Map<string, Hour>();
  for (const hour of hours) {
    const sum = sums.get(hour.hour_at) ?? { hour_at: hour.hour_at, requests: 0n, cpu: 0n, egress: 0n };
    for (const meter of METERS) sum[meter] += hour[meter];
    sums.set(hour.hour_at, sum);
  }
  return [...sums.values()];
}

/** The month's hours, each with the moment at which it ends. */
function hoursOf({ from, to }: { from: string; to: string }): { at: string; end: string }[] {
  const hours: { at: string; end: string }[] = [];
  let at = from;
  for (let next = Date.parse(from) + HOUR_MS; next <= Date.parse(to); next += HOUR_MS) {
    const end = new Date(next).toISOString();
    hours.push({ at, end });
    at = end;
  }
  return hours;
}

/** Whether a month had a plan that bills, in any of its hours. */
export function isBilledMonth(month: { from: string; to: string }, rules: Rules): boolean {
  const first = rules.plans[0]?.from ?? "";
  return hoursOf(month).some(({ at }) => at >= first && inForce(at, rules).terms.overage === "billed");
}

function inForce(at: string, { prices, plans }: Rules): { plan: string; prices: Prices; terms: PlanPrices } {
  const plan = (plans.findLast(({ from }) => from <= at) ?? plans[0])?.plan ?? "";
  const version = prices.findLast(({ effective_at }) => effective_at <= at) ?? prices[0];
  const terms = version?.plans[plan];
  if (!version || !terms) throw new Error(`no price is in force at ${at}`);
  return { plan, prices: version, terms };
}

/** The first `included` units of the month are free; what comes after them is billed, where the plan bills. */
function billableOf(terms: PlanPrices, meter: MeterName, units: { quantity: bigint; before: bigint }): bigint {
  if (terms.overage === "stops") return 0n;
  const left = BigInt(terms.meters[meter]?.included ?? "0") - units.before;
  const free = left > 0n ? left : 0n;
  return units.quantity > free ? units.quantity - free : 0n;
}

function addFee(
  lines: Map<string, Line>,
  of: { at: string; end: string; plan: string; version: string; fee: string; hoursInMonth: bigint },
): void {
  const key = `fee ${of.plan} ${of.fee}`;
  const line = lines.get(key) ?? {
    type: "fee",
    meter: "",
    plan: of.plan,
    price_version: of.version,
    from: of.at,
    to: of.at,
    quantity: 0n,
    billable: 0n,
    price: of.fee,
    per: of.hoursInMonth,
    cents: 0n,
  };
  lines.set(key, { ...line, to: of.end, quantity: line.quantity + 1n, billable: line.billable + 1n });
}

function addUsage(
  lines: Map<string, Line>,
  of: {
    at: string;
    end: string;
    meter: string;
    version: string;
    price: MeterPrices | undefined;
    quantity: bigint;
    billable: bigint;
  },
): void {
  const { at, end, meter, version, quantity, billable } = of;
  if (!of.price) throw new Error(`${meter} has no price in version ${version}`);
  const { price, per } = of.price;
  const key = `usage ${meter} ${version} ${price} ${per}`;
  const line = lines.get(key);
  if (line) {
    line.quantity += quantity;
    line.billable += billable;
    line.to = end;
    return;
  }
  const none = { type: "usage" as const, plan: "", cents: 0n };
  const period = { from: at, to: end };
  lines.set(key, { ...none, ...period, meter, price_version: version, quantity, billable, price, per: BigInt(per) });
}

/** `units` at `price` for `per`: picocents, then whole cents, half up both times. */
function roundedCents(units: bigint, price: string, per: bigint): bigint {
  const [whole = "0", fraction = ""] = price.split(".");
  const picocents = BigInt(whole) * PICOCENTS + BigInt(fraction.padEnd(12, "0"));
  const exact = (units * picocents * 2n + per) / (per * 2n);
  return (exact * 2n + PICOCENTS) / (PICOCENTS * 2n);
}
