import fc from "fast-check";
import { expect, test } from "vitest";
import type { PlanName } from "#server/db/generated/enums.ts";
import { HOUR_MS } from "#server/std/clock.ts";
import { formatExact, parseCents, picocents, roundToCents } from "#server/std/money.ts";
import { CPU_HOUR_NS, firstVersion, GB_BYTES, meters, MILLION_REQUESTS, type PriceVersion } from "./price-book.ts";
import { costOfRequest, rateFees, rateUsage, totalCents, type Quantities, type UsedStretch } from "./rating.ts";
import { stretchesOf, type Stretch } from "./stretches.ts";

const nothing = { requests: 0n, cpu: 0n, egress: 0n, storage: 0n };
const november = { from: new Date("2026-11-01T00:00:00Z"), to: new Date("2026-12-01T00:00:00Z") };

function stretch(used: Partial<Quantities>, of: { plan?: PlanName; version?: PriceVersion } = {}): UsedStretch {
  const { plan = "pro", version = firstVersion } = of;
  return { ...november, plan, version, isOwed: true, used: { ...nothing, ...used } };
}

/** The first version with other prices and included amounts for requests. */
function repriced(version: number, requests: { cents: string; included: bigint }): PriceVersion {
  const { free, pro } = firstVersion.plans;
  const meter = { ...pro.meters.requests, price: parseCents(requests.cents), included: requests.included };
  const plans = { free, pro: { ...pro, meters: { ...pro.meters, requests: meter } } };
  return { ...firstVersion, version, effectiveAt: new Date("2026-11-15T00:00:00Z"), plans };
}

const requestLines = (...stretches: UsedStretch[]) => rateUsage(stretches).filter(({ meter }) => meter === "requests");

test("what the plan includes costs nothing, and the first unit past it is priced", () => {
  expect(totalCents(rateUsage([stretch({ requests: 5n * MILLION_REQUESTS })]))).toBe(0n);
  const [past] = requestLines(stretch({ requests: 6n * MILLION_REQUESTS }));
  expect(past).toMatchObject({ used: 6n * MILLION_REQUESTS, billable: MILLION_REQUESTS, cents: 30n });
});

test("the free plan never bills, however much was used", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 24n }), (used) => {
      const lines = rateUsage([stretch({ requests: used, cpu: used, egress: used, storage: used }, { plan: "free" })]);
      expect(lines.every((line) => line.cents === 0n && line.billable === 0n)).toBe(true);
    }),
  );
});

test("more usage never costs less", () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 20n });
  fc.assert(
    fc.property(amount, amount, (used, more) => {
      const cents = (cpu: bigint) => totalCents(rateUsage([stretch({ cpu })]));
      expect(cents(used + more) >= cents(used)).toBe(true);
    }),
  );
});

test("cutting a month into parts changes nothing, so a change of plan and back rates each unit once", () => {
  const amount = fc.bigInt({ min: 0n, max: 20n * MILLION_REQUESTS });
  const parts = fc.array(fc.record({ requests: amount, cpu: amount, egress: amount }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(parts, (parts) => {
      const sum = { ...nothing };
      for (const part of parts) for (const meter of ["requests", "cpu", "egress"] as const) sum[meter] += part[meter];
      expect(rateUsage(parts.map((part) => stretch(part)))).toEqual(rateUsage([stretch(sum)]));
    }),
  );
});

test("what was used on Free is in Pro's included amounts: moving up in mid-month grants nothing twice", () => {
  const free = stretch({ requests: MILLION_REQUESTS }, { plan: "free" });
  const [line] = requestLines(free, stretch({ requests: 5n * MILLION_REQUESTS }));
  expect(line).toMatchObject({ used: 6n * MILLION_REQUESTS, billable: MILLION_REQUESTS, cents: 30n });
  const [within] = requestLines(free, stretch({ requests: 4n * MILLION_REQUESTS }));
  expect(within).toMatchObject({ billable: 0n, cents: 0n });
});

test("usage is rated at the prices of its hour, each version a line of its own, and included amounts are not granted again", () => {
  const dearer = repriced(2, { cents: "60", included: 5n * MILLION_REQUESTS });
  const lines = requestLines(
    stretch({ requests: 6n * MILLION_REQUESTS }),
    stretch({ requests: 2n * MILLION_REQUESTS }, { version: dearer }),
  );
  expect(lines.map(({ priceVersion, billable, cents }) => ({ priceVersion, billable, cents }))).toEqual([
    { priceVersion: 1, billable: MILLION_REQUESTS, cents: 30n },
    { priceVersion: 2, billable: 2n * MILLION_REQUESTS, cents: 120n },
  ]);
});

test("a version that includes more gives the rest of it, and one that includes less takes back nothing that was free", () => {
  const generous = repriced(2, { cents: "30", included: 8n * MILLION_REQUESTS });
  const mean = repriced(2, { cents: "30", included: 1n * MILLION_REQUESTS });
  const before = stretch({ requests: 4n * MILLION_REQUESTS });
  const after = (version: PriceVersion) =>
    requestLines(before, stretch({ requests: 5n * MILLION_REQUESTS }, { version })).map((line) => line.billable);
  expect(after(generous)).toEqual([0n, 1n * MILLION_REQUESTS]);
  expect(after(mean)).toEqual([0n, 5n * MILLION_REQUESTS]);
});

test("every unit is on exactly one line, whatever the plans, prices and amounts", () => {
  const amount = fc.bigInt({ min: 0n, max: 20n * MILLION_REQUESTS });
  const part = fc.record({
    plan: fc.constantFrom<PlanName>("free", "pro"),
    version: fc.nat({ max: 2 }),
    requests: amount,
    cents: fc.integer({ min: 0, max: 100 }).map(String),
    included: amount,
  });
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const ordered = parts.toSorted((a, b) => a.version - b.version);
      const lines = requestLines(
        ...ordered.map(({ plan, version, requests, ...price }) =>
          stretch({ requests }, { plan, version: repriced(version, price) }),
        ),
      );
      const sum = (of: (line: (typeof lines)[number]) => bigint) => lines.reduce((total, line) => total + of(line), 0n);
      expect(sum((line) => line.used)).toBe(parts.reduce((total, each) => total + each.requests, 0n));
      const onPro = parts.filter(({ plan }) => plan === "pro").reduce((total, each) => total + each.requests, 0n);
      expect(sum((line) => line.billable) <= onPro).toBe(true);
      expect(lines.every((line) => line.billable >= 0n && line.billable <= line.used && line.cents >= 0n)).toBe(true);
    }),
  );
});

const terms = (from: string, plan: PlanName) => [{ from: new Date(from), plan }] as const;
const feesOf = (stretches: readonly Stretch[]) =>
  rateFees(stretches, november).map(({ hours, hoursInMonth, cents }) => ({ hours, hoursInMonth, cents }));

test("a whole month costs the whole fee, and a part of it the hours from the one in which it was chosen", () => {
  const whole = stretchesOf(november.from, terms("2026-10-03T00:00:00Z", "pro"), [firstVersion]);
  expect(feesOf(whole)).toEqual([{ hours: 720n, hoursInMonth: 720n, cents: 500n }]);
  const moved = stretchesOf(
    november.from,
    [...terms("2026-10-03T00:00:00Z", "free"), ...terms("2026-11-24T08:00:00Z", "pro")],
    [firstVersion],
  );
  expect(feesOf(moved)).toEqual([{ hours: 160n, hoursInMonth: 720n, cents: 111n }]); // 500 * 160 / 720 = 111.1
});

test("prices that change in mid-month do not round the fee twice, and another fee makes another line", () => {
  const same = stretchesOf(november.from, terms("2026-10-03T00:00:00Z", "pro"), [
    firstVersion,
    repriced(2, { cents: "60", included: 0n }),
  ]);
  expect(same).toHaveLength(2);
  expect(feesOf(same)).toEqual([{ hours: 720n, hoursInMonth: 720n, cents: 500n }]);
  const { free, pro } = firstVersion.plans;
  const dearer = { ...pro, monthlyFee: parseCents("1000") };
  const raised = {
    ...firstVersion,
    version: 2,
    effectiveAt: new Date("2026-11-16T00:00:00Z"),
    plans: { free, pro: dearer },
  };
  expect(feesOf(stretchesOf(november.from, terms("2026-10-03T00:00:00Z", "pro"), [firstVersion, raised]))).toEqual([
    { hours: 360n, hoursInMonth: 720n, cents: 250n },
    { hours: 360n, hoursInMonth: 720n, cents: 500n },
  ]);
});

test("no fee is owed for hours before the organization was made, nor on Free", () => {
  const made = stretchesOf(november.from, terms("2026-11-30T12:00:00Z", "pro"), [firstVersion]);
  expect(feesOf(made)).toEqual([{ hours: 12n, hoursInMonth: 720n, cents: 8n }]);
  expect(feesOf(stretchesOf(november.from, terms("2026-11-02T00:00:00Z", "free"), [firstVersion]))).toEqual([]);
});

test("a month's stretches cover it without gap or overlap, wherever plans and prices change", () => {
  const hour = fc.nat({ max: 24 * 100 }).map((hours) => new Date(Date.parse("2026-10-01T00:00:00Z") + hours * HOUR_MS));
  fc.assert(
    fc.property(fc.array(hour, { minLength: 1, maxLength: 5 }), fc.array(hour, { maxLength: 5 }), (plans, versions) => {
      const [first = november.from, ...later] = plans.toSorted((a, b) => a.getTime() - b.getTime());
      const term = (from: Date) => ({ from, plan: "pro" }) as const;
      const book = versions.map((effectiveAt, index) => ({ ...firstVersion, version: index + 2, effectiveAt }));
      const stretches = stretchesOf(november.from, [term(first), ...later.map(term)], [firstVersion, ...book]);
      expect(stretches[0].from).toEqual(november.from);
      expect(stretches.at(-1)?.to).toEqual(november.to);
      for (const [index, each] of stretches.entries()) {
        expect(each.to > each.from).toBe(true);
        if (index > 0) expect(each.from).toEqual(stretches[index - 1]?.to);
      }
    }),
  );
});

test("half a cent rounds up, as Stripe rounds a line", () => {
  expect(roundToCents(parseCents("0.5"))).toBe(1n);
  expect(roundToCents(parseCents("0.499999999999"))).toBe(0n);
  expect(roundToCents(parseCents("1.5"))).toBe(2n);
  expect(roundToCents(picocents(0n - parseCents("1.5")))).toBe(-2n);
});

test("a CPU hour and a gigabyte cost what the book says", () => {
  const call = { cpuNs: CPU_HOUR_NS, egressBytes: GB_BYTES, at: november.from };
  expect(formatExact(costOfRequest(call, [firstVersion]))).toBe("$0.1200003");
  expect(meters).toHaveLength(4);
});
