import { expect, test } from "vitest";
import { firstVersion, type PriceVersion } from "#server/billing/price-book.ts";
import { parseCents } from "#server/std/money.ts";
import { lookupKey } from "./catalog.ts";
import { setUp } from "./setup.ts";
import { book, testBilling, WEBHOOK_URL } from "./test-billing.ts";

const second: PriceVersion = {
  ...firstVersion,
  version: 2,
  effectiveAt: new Date("2027-01-01T00:00:00Z"),
  plans: {
    ...firstVersion.plans,
    pro: { ...firstVersion.plans.pro, monthlyFee: parseCents("700") },
  },
};

test("a second run makes nothing and changes nothing", async () => {
  await using billing = await testBilling();
  const { world } = billing.double;
  const before = JSON.stringify(
    [...world.prices.values(), ...world.meters.values(), ...world.products.values()],
    (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
  );
  expect(await setUp(billing.stripe, { book, webhookUrl: WEBHOOK_URL })).toEqual({ made: [], webhookSecret: null });
  const after = JSON.stringify(
    [...world.prices.values(), ...world.meters.values(), ...world.products.values()],
    (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
  );
  expect(after).toBe(before);
  expect([
    world.meters.size,
    world.products.size,
    world.prices.size,
    world.portalConfigurations.size,
    world.webhookEndpoints.size,
  ]).toEqual([3, 4, 4, 1, 1]);
});

test("a run that was cut off anywhere is finished by the next one", async () => {
  await using billing = await testBilling();
  const whole = billing.double.served.length;
  for (let cut = 0; cut < whole; cut += 3) {
    await using fresh = await testBilling();
    const { double, stripe } = fresh;
    for (const table of [
      double.world.prices,
      double.world.meters,
      double.world.products,
      double.world.webhookEndpoints,
      double.world.portalConfigurations,
    ])
      table.clear();
    let left = cut;
    const end = () => (left -= 1) < 0;
    const flaky = new Proxy(stripe, {
      get: (target, name, self) => {
        if (end()) throw new Error("cut off");
        return Reflect.get(target, name, self);
      },
    });
    await setUp(flaky, { book, webhookUrl: WEBHOOK_URL }).catch(() => undefined);
    await setUp(stripe, { book, webhookUrl: WEBHOOK_URL });
    expect((await setUp(stripe, { book, webhookUrl: WEBHOOK_URL })).made).toEqual([]);
    expect([double.world.meters.size, double.world.prices.size]).toEqual([3, 4]);
  }
});

test("meters keep one value an hour, and what a plan includes is a first tier at nothing", async () => {
  await using billing = await testBilling();
  const { world } = billing.double;
  expect([...world.meters.values()].map(({ eventName, window, formula }) => [eventName, window, formula])).toEqual([
    ["sluice_requests", "hour", "sum"],
    ["sluice_cpu", "hour", "sum"],
    ["sluice_egress", "hour", "sum"],
  ]);
  const tiers = [...world.prices.values()].map(({ lookupKey: key, tiers: of, unit }) => [
    key,
    of?.map(({ upTo, unit: price }) => [upTo, price]) ?? unit,
  ]);
  expect(tiers).toEqual([
    ["sluice_pro_fee_v1", parseCents("500")],
    [
      "sluice_pro_requests_v1",
      [
        [5_000_000n, 0n],
        ["inf", parseCents("0.00003")],
      ],
    ],
    [
      "sluice_pro_cpu_v1",
      [
        [1_000_000_000n, 0n],
        ["inf", parseCents("0.00000008")],
      ],
    ],
    [
      "sluice_pro_egress_v1",
      [
        [100_000_000n, 0n],
        ["inf", parseCents("0.000004")],
      ],
    ],
  ]);
});

test("another version of the book gets prices of its own beside the old ones", async () => {
  await using billing = await testBilling();
  const { made } = await setUp(billing.stripe, { book: [firstVersion, second], webhookUrl: WEBHOOK_URL });
  expect(made).toEqual(["fee", "requests", "cpu", "egress"].map((part) => `price sluice_pro_${part}_v2`));
  const { data } = await billing.stripe.prices.list({
    lookup_keys: [lookupKey({ plan: "pro", part: "fee", version: 2 })],
  });
  expect(data[0]?.unit_amount_decimal?.toString()).toBe("700");
});

test("a price that is finer than Stripe can charge is refused, and how fine it may be is said", async () => {
  await using billing = await testBilling();
  const { requests } = firstVersion.plans.pro.meters;
  const finer = {
    ...second,
    plans: {
      ...second.plans,
      pro: {
        ...second.plans.pro,
        meters: { ...second.plans.pro.meters, requests: { ...requests, price: parseCents("0.0000001") } },
      },
    },
  };
  await expect(setUp(billing.stripe, { book: [firstVersion, finer], webhookUrl: WEBHOOK_URL })).rejects.toThrow(
    "at most 6 decimal places",
  );
});

test("a meter of that name without hour windows is not used: it would add up what is sent again", async () => {
  await using billing = await testBilling();
  const meter = [...billing.double.world.meters.values()][0];
  if (meter) meter.window = null;
  await expect(setUp(billing.stripe, { book, webhookUrl: WEBHOOK_URL })).rejects.toThrow("hour windows");
});

test("an endpoint whose events changed hears ours again, and its secret is told once", async () => {
  await using billing = await testBilling();
  const [endpoint] = [...billing.double.world.webhookEndpoints.values()];
  if (endpoint) Object.assign(endpoint, { events: ["invoice.paid"], isEnabled: false });
  const { made, webhookSecret } = await setUp(billing.stripe, { book, webhookUrl: WEBHOOK_URL });
  expect(made).toEqual([`the events of webhook endpoint ${WEBHOOK_URL}`]);
  expect(webhookSecret).toBeNull();
  expect((await setUp(billing.stripe, { book, webhookUrl: `${WEBHOOK_URL}/other` })).webhookSecret).toMatch(/^whsec_/);
});
