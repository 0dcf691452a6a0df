import Stripe from "stripe";
import { expect, test } from "vitest";
import { meteredPrice, sendHour, testAccount, type TestAccount } from "./test-account.ts";

const NOON = Date.parse("2026-11-24T12:00:00Z");
const DAY_MS = 86_400_000;

async function meterAndCustomer({ stripe }: TestAccount) {
  const { meter } = await meteredPrice(stripe);
  const { id: customer } = await stripe.customers.create({ name: "Acme" });
  const hours = async (from: string, to: string) => {
    const span = { start_time: Date.parse(from) / 1000, end_time: Date.parse(to) / 1000 };
    const list = await stripe.billing.meters.listEventSummaries(meter.id, {
      customer,
      ...span,
      value_grouping_window: "hour",
    });
    return list.data.map(({ aggregated_value: value }) => value);
  };
  return { meter, customer, hours };
}

const message = async (promise: Promise<unknown>) =>
  promise.then(
    () => "taken",
    (error: unknown) => (error instanceof Stripe.errors.StripeError ? error.message : String(error)),
  );

const hour = "2026-11-24T10:00:00Z";

test("a later value of an hour takes the place of the earlier one, and hours add up", async () => {
  await using account = await testAccount();
  const { customer, hours } = await meterAndCustomer(account);
  await sendHour(account.stripe, { customer, hour, value: 5n, identifier: "a" });
  await sendHour(account.stripe, { customer, hour, value: 7n, identifier: "b" });
  await sendHour(account.stripe, { customer, hour: "2026-11-24T09:00:00Z", value: 100n, identifier: "c" });
  expect(await hours("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z")).toEqual([7, 100]);
});

test("an identifier that is known is an error, until a day has passed", async () => {
  await using account = await testAccount();
  const { customer, hours } = await meterAndCustomer(account);
  const { double, stripe } = account;
  const send = (value: bigint, key: string) =>
    stripe.billing.meterEvents.create(
      {
        event_name: "requests",
        identifier: "same",
        timestamp: Date.parse(hour) / 1000,
        payload: { stripe_customer_id: customer, value: String(value) },
      },
      { idempotencyKey: key },
    );
  await send(1n, "k1");
  expect(await message(send(2n, "k2"))).toContain("An event already exists with identifier same");
  await double.advanceTo(NOON + DAY_MS + 1_000);
  await send(3n, "k3");
  expect(await hours(hour, "2026-11-24T11:00:00Z")).toEqual([3]);
});

test.each([
  ["35 days past", -35 * DAY_MS, "taken"],
  ["a second more", -35 * DAY_MS - 1_000, "cannot be more than 35 days in past"],
  ["5 minutes ahead", 300_000, "taken"],
  ["a second more", 301_000, "5 minutes in the future"],
])("a time %s (%i ms from now): %s", async (_, offsetMs, expected) => {
  await using account = await testAccount();
  const { customer } = await meterAndCustomer(account);
  const sent = account.stripe.billing.meterEvents.create({
    event_name: "requests",
    timestamp: (NOON + offsetMs) / 1000,
    payload: { stripe_customer_id: customer, value: "1" },
  });
  expect(await message(sent)).toContain(expected);
});

test.each([
  ["999999999999999", "taken"],
  ["1000000000000000", "more than 15 digits"],
  ["1.5", "Whole numbers only"],
  ["1e3", "Whole numbers only"],
  ["-3", "taken"],
  ["", "Whole numbers only"],
])("the value %j: %s", async (value, expected) => {
  await using account = await testAccount();
  const { customer } = await meterAndCustomer(account);
  const sent = account.stripe.billing.meterEvents.create({
    event_name: "requests",
    payload: { stripe_customer_id: customer, value },
  });
  expect(await message(sent)).toContain(expected);
});

test("events of unknown meters and unknown customers are refused, and so are those of a meter that was switched off", async () => {
  await using account = await testAccount();
  const { meter, customer } = await meterAndCustomer(account);
  const { stripe } = account;
  const send = (meterName: string, to: string) =>
    sendHour(stripe, { customer: to, hour, value: 1n, identifier: `${meterName}${to}`, meter: meterName });
  expect(await message(send("nothing", customer))).toContain("No active meter");
  expect(await message(send("requests", "cus_none"))).toContain("No such customer");
  await stripe.billing.meters.deactivate(meter.id);
  expect(await message(send("requests", customer))).toContain("No active meter");
});

test("two active meters never share an event name", async () => {
  await using account = await testAccount();
  await meteredPrice(account.stripe);
  expect(await message(meteredPrice(account.stripe))).toContain("exists already");
});

test("an event that is taken counts only when the lag is over, and one that Stripe drops afterwards never does", async () => {
  await using account = await testAccount();
  const { customer, hours } = await meterAndCustomer(account);
  const { double, stripe } = account;
  double.world.meterLagSeconds = 60;
  await sendHour(stripe, { customer, hour, value: 5n, identifier: "a" });
  expect(await hours(hour, "2026-11-24T11:00:00Z")).toEqual([]);
  await double.advanceTo(NOON + 60_000);
  expect(await hours(hour, "2026-11-24T11:00:00Z")).toEqual([5]);
  double.faults.add({ kind: "swallow", match: "meter_events", times: 1 });
  await sendHour(stripe, { customer, hour, value: 9n, identifier: "b" });
  await double.advanceTo(NOON + 120_000);
  expect(await hours(hour, "2026-11-24T11:00:00Z")).toEqual([5]);
});

test("summaries lie on whole minutes, and on whole hours when grouped by them", async () => {
  await using account = await testAccount();
  const { meter, customer } = await meterAndCustomer(account);
  const ask = (start: number, grouped: boolean) =>
    message(
      account.stripe.billing.meters.listEventSummaries(meter.id, {
        customer,
        start_time: start,
        end_time: start + 3_600,
        ...(grouped ? { value_grouping_window: "hour" } : {}),
      }),
    );
  const at = Date.parse(hour) / 1000;
  expect(await ask(at + 60, false)).toBe("taken");
  expect(await ask(at + 61, false)).toContain("whole 60 seconds");
  expect(await ask(at + 60, true)).toContain("whole 3600 seconds");
});
