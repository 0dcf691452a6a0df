import Stripe from "stripe";
import { expect, test } from "vitest";
import {
  customerWithCard,
  licensedPrice,
  meteredPrice,
  sendHour,
  subscribe,
  testAccount,
  type TestAccount,
} from "./test-account.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const december = Date.parse("2026-12-01T00:00:00Z");

const message = async (promise: Promise<unknown>) =>
  promise.then(
    () => "taken",
    (error: unknown) => (error instanceof Stripe.errors.StripeError ? error.message : String(error)),
  );

async function subscribed(account: TestAccount, card?: string) {
  const { stripe } = account;
  const [{ price, meter }, fee] = [await meteredPrice(stripe), await licensedPrice(stripe)];
  const customer = await customerWithCard(account, card);
  const subscription = await subscribe(stripe, customer, [fee, price]);
  const invoices = async () => (await stripe.invoices.list({ customer: customer.id })).data;
  return { price, meter, fee, customer, subscription, invoices };
}

const productOf = ({ product }: Stripe.Price) => (typeof product === "string" ? product : product.id);
const amounts = (invoice: Stripe.Invoice | undefined) => invoice?.lines.data.map(({ amount }) => amount);

test("a metered item takes no quantity, and a metered price a meter that is there", async () => {
  await using account = await testAccount();
  const { stripe } = account;
  const { price } = await meteredPrice(stripe);
  const customer = await customerWithCard(account);
  const items = [{ price: price.id, quantity: 1 }];
  const anchor = { day_of_month: 1, hour: 0, minute: 0, second: 0 };
  const sent = stripe.subscriptions.create({ customer: customer.id, items, billing_cycle_anchor_config: anchor });
  expect(await message(sent)).toContain("Quantity should not be specified");
  const recurring = { interval: "month", usage_type: "metered" } as const;
  const product = productOf(price);
  expect(await message(stripe.prices.create({ currency: "usd", product, recurring, unit_amount: 1 }))).toContain(
    "names its meter",
  );
});

test("the last tier has no end, the others have one that rises", async () => {
  await using account = await testAccount();
  const { stripe } = account;
  const { meter } = await meteredPrice(stripe);
  const { id: product } = await stripe.products.create({ name: "CPU" });
  const create = (ends: ("inf" | number)[]) =>
    message(
      stripe.prices.create({
        currency: "usd",
        product,
        recurring: { interval: "month", usage_type: "metered", meter: meter.id },
        billing_scheme: "tiered",
        tiers_mode: "graduated",
        tiers: ends.map((end) => ({ up_to: end, unit_amount: 0 })),
      }),
    );
  expect(await create([10, "inf"])).toBe("taken");
  expect(await create([10, 20])).toContain("set to `inf`");
  expect(await create(["inf", "inf"])).toContain("set to `inf`");
  expect(await create([20, 10, "inf"])).toContain("ascending");
});

test("a lookup key moves to a new price only when it is told to", async () => {
  await using account = await testAccount();
  const { stripe } = account;
  const { id: product } = await stripe.products.create({ name: "Pro" });
  const create = (transfer: boolean) =>
    stripe.prices.create({
      currency: "usd",
      product,
      recurring: { interval: "month" },
      unit_amount: 500,
      lookup_key: "pro",
      transfer_lookup_key: transfer,
    });
  await create(false);
  expect(await message(create(false))).toContain("already uses that lookup key");
  const second = await create(true);
  expect((await stripe.prices.list({ lookup_keys: ["pro"] })).data.map(({ id }) => id)).toEqual([second.id]);
});

test("a subscription that begins in mid-month is charged its fee for what is left, at once", async () => {
  await using account = await testAccount();
  const { invoices, subscription } = await subscribed(account);
  const [first] = await invoices();
  // 6.5 of 30 days.
  expect(amounts(first)).toEqual([108]);
  expect(first).toMatchObject({ status: "paid", billing_reason: "subscription_create", amount_paid: 108 });
  expect(subscription.items.data[0]?.current_period_end).toBe(december / 1000);
});

test("at the month's end a draft has the month's usage and the next month's fee, takes up later usage, and is paid an hour later", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { customer, invoices } = await subscribed(account);
  await sendHour(stripe, { customer: customer.id, hour: "2026-11-24T13:00:00Z", value: 1_003n, identifier: "a" }).catch(
    () => undefined,
  );
  await double.advanceTo(december);
  await sendHour(stripe, { customer: customer.id, hour: "2026-11-24T13:00:00Z", value: 1_003n, identifier: "b" });
  await sendHour(stripe, { customer: customer.id, hour: "2026-11-30T23:00:00Z", value: 2n, identifier: "c" });
  const [draft] = await invoices();
  expect(draft).toMatchObject({ status: "draft", billing_reason: "subscription_cycle", number: null });
  expect(amounts(draft)).toEqual([500, 3]);
  await double.advanceTo(december + HOUR_MS);
  const [paid] = await invoices();
  expect(paid).toMatchObject({ status: "paid", total: 503 });
  // What comes after finalizing is on no invoice.
  await sendHour(stripe, { customer: customer.id, hour: "2026-11-30T23:00:00Z", value: 2_000n, identifier: "d" });
  expect((await invoices())[0]?.total).toBe(503);
});

test("usage before a subscription began, and after its month ended, is not on its invoice", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { customer, invoices } = await subscribed(account);
  await sendHour(stripe, { customer: customer.id, hour: "2026-11-24T10:00:00Z", value: 9_000n, identifier: "before" });
  await double.advanceTo(december + HOUR_MS / 2);
  await sendHour(stripe, { customer: customer.id, hour: "2026-12-01T00:00:00Z", value: 9_000n, identifier: "after" });
  expect(amounts((await invoices())[0])).toEqual([500, 0]);
});

test("finalizing waits for the moment that the invoice says, or for ever where it does not advance", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { invoices } = await subscribed(account);
  await double.advanceTo(december);
  const [draft] = await invoices();
  await stripe.invoices.update(draft?.id ?? "", { automatically_finalizes_at: december / 1000 + 86_400 });
  await double.advanceTo(december + DAY_MS - 1_000);
  expect((await invoices())[0]?.status).toBe("draft");
  await stripe.invoices.update(draft?.id ?? "", { auto_advance: false });
  await double.advanceTo(december + 10 * DAY_MS);
  expect((await invoices())[0]?.status).toBe("draft");
  const final = await stripe.invoices.finalizeInvoice(draft?.id ?? "");
  expect(final.status).toBe("paid");
  expect(await message(stripe.invoices.finalizeInvoice(final.id))).toContain("already finalized");
});

test("the preview is what the invoice will be", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { customer, subscription, invoices } = await subscribed(account);
  await double.advanceTo(Date.parse("2026-11-24T15:00:00Z"));
  await sendHour(stripe, { customer: customer.id, hour: "2026-11-24T13:00:00Z", value: 1_777n, identifier: "a" });
  const preview = await stripe.invoices.createPreview({ subscription: subscription.id });
  await double.advanceTo(december + HOUR_MS);
  expect(amounts(preview)).toEqual([500, 389]);
  expect(amounts((await invoices())[0])).toEqual(amounts(preview));
});

test("a card that declines leaves the invoice open, is tried again, and ends in unpaid; a good card makes it right", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { customer, invoices, subscription } = await subscribed(account);
  const status = async () => (await stripe.subscriptions.retrieve(subscription.id)).status;
  const method = [...double.world.paymentMethods.values()][0];
  if (method) method.declines = true;
  await double.advanceTo(december + HOUR_MS);
  const [open] = await invoices();
  expect(open).toMatchObject({ status: "open", attempt_count: 1 });
  expect(await status()).toBe("past_due");
  await double.advanceTo(december + 20 * DAY_MS);
  expect((await invoices())[0]).toMatchObject({ status: "open", attempt_count: 4, next_payment_attempt: null });
  expect(await status()).toBe("unpaid");
  expect(await message(stripe.invoices.pay(open?.id ?? ""))).toContain("declined");
  if (method) method.declines = false;
  expect((await stripe.invoices.pay(open?.id ?? "")).status).toBe("paid");
  expect(await status()).toBe("active");
  expect(await message(stripe.invoices.pay(open?.id ?? ""))).toContain("already paid");
  expect(customer.id).toBe(open?.customer);
});

test("a card that can be saved and not charged begins no subscription", async () => {
  await using account = await testAccount();
  expect(await message(subscribed(account, "4000000000000341"))).toContain("declined");
  expect(account.double.world.subscriptions.size).toBe(0);
});

test("an open invoice can be voided or given up, a paid one can't", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { invoices } = await subscribed(account);
  expect(await message(stripe.invoices.voidInvoice((await invoices())[0]?.id ?? ""))).toContain("Only open");
  const method = [...double.world.paymentMethods.values()][0];
  if (method) method.declines = true;
  await double.advanceTo(december + HOUR_MS);
  expect((await stripe.invoices.voidInvoice((await invoices())[0]?.id ?? "")).status).toBe("void");
});

test("another fee in mid-month is prorated both ways; the metered price that goes is billed for what was used", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { customer, subscription, price, fee, invoices } = await subscribed(account);
  await double.advanceTo(Date.parse("2026-11-26T00:00:00Z"));
  await sendHour(stripe, { customer: customer.id, hour: "2026-11-25T10:00:00Z", value: 1_100n, identifier: "a" });
  const dearer = await stripe.prices.create({
    currency: "usd",
    product: productOf(fee),
    recurring: { interval: "month" },
    unit_amount: 1_500,
  });
  const [feeItem, usageItem] = subscription.items.data;
  await stripe.subscriptions.update(subscription.id, {
    items: [
      { id: feeItem?.id ?? "", price: dearer.id },
      { id: usageItem?.id ?? "", deleted: true },
      { price: price.id },
    ],
    proration_behavior: "create_prorations",
  });
  await double.advanceTo(december);
  const pending = amounts((await invoices())[0]);
  // 5 of 30 days: 83 back, 250 due; 100 units at half a cent; then the next month's fee, and usage that began anew.
  expect(pending).toEqual([-83, 250, 50, 1_500, 0]);
});

test("changing prices without prorations bills nothing for what was used before: that is lost", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { customer, subscription, price, invoices } = await subscribed(account);
  await double.advanceTo(Date.parse("2026-11-26T00:00:00Z"));
  await sendHour(stripe, { customer: customer.id, hour: "2026-11-25T10:00:00Z", value: 1_100n, identifier: "a" });
  const usageItem = subscription.items.data[1];
  await stripe.subscriptions.update(subscription.id, {
    items: [{ id: usageItem?.id ?? "", price: price.id }],
    proration_behavior: "none",
  });
  await double.advanceTo(december);
  expect(amounts((await invoices())[0])).toEqual([500, 0]);
});

test("a cancellation that invoices at once bills what was used and gives back the unused fee", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { customer, subscription, invoices } = await subscribed(account);
  await double.advanceTo(Date.parse("2026-11-26T00:00:00Z"));
  await sendHour(stripe, { customer: customer.id, hour: "2026-11-25T10:00:00Z", value: 2_000n, identifier: "a" });
  await stripe.subscriptions.cancel(subscription.id, { invoice_now: true, prorate: true });
  expect(amounts((await invoices())[0])).toEqual([-83, 500]);
  expect(await message(stripe.subscriptions.cancel(subscription.id))).toContain("No such subscription");
});

test("an invoice item waits for the next invoice and is on one only", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { customer, invoices } = await subscribed(account);
  await stripe.invoiceItems.create({
    customer: customer.id,
    amount: 77,
    currency: "usd",
    description: "Late usage",
    metadata: { late: "x" },
  });
  await double.advanceTo(december + HOUR_MS);
  expect(amounts((await invoices())[0])).toEqual([77, 500, 0]);
  expect((await invoices())[0]?.lines.data[0]?.metadata).toEqual({ late: "x" });
  await double.advanceTo(Date.parse("2027-01-01T02:00:00Z"));
  expect(amounts((await invoices())[0])).toEqual([500, 0]);
});

test("an item can be put on a draft, and on no invoice that is final; a draft of a cancelled subscription waits", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { customer, subscription, invoices } = await subscribed(account);
  await double.advanceTo(december);
  const [draft] = await invoices();
  const add = () =>
    stripe.invoiceItems.create({ customer: customer.id, invoice: draft?.id ?? "", amount: -20, currency: "usd" });
  await add();
  expect(amounts((await invoices())[0])).toEqual([500, 0, -20]);
  await stripe.subscriptions.cancel(subscription.id);
  await double.advanceTo(december + 10 * DAY_MS);
  expect((await invoices())[0]?.status).toBe("draft");
  await stripe.invoices.finalizeInvoice(draft?.id ?? "");
  expect(await message(add())).toContain("is finalized");
});

test("credits are taken off metered lines when the invoice is finalized, the one with the lower priority number first, and never off the fee", async () => {
  await using account = await testAccount();
  const { double, stripe } = account;
  const { customer, invoices } = await subscribed(account);
  const grant = (value: number, priority: number) =>
    stripe.billing.creditGrants.create({
      customer: customer.id,
      amount: { type: "monetary", monetary: { currency: "usd", value } },
      applicability_config: { scope: { price_type: "metered" } },
      category: "promotional",
      priority,
    });
  const [late, early] = [await grant(10_000, 60), await grant(30, 10)];
  await double.advanceTo(december);
  await sendHour(stripe, { customer: customer.id, hour: "2026-11-24T13:00:00Z", value: 1_100n, identifier: "a" });
  expect((await invoices())[0]?.total).toBe(550);
  await double.advanceTo(december + HOUR_MS);
  expect((await invoices())[0]?.total).toBe(500);
  const left = (
    await stripe.billing.creditBalanceSummaries.retrieve({
      customer: customer.id,
      filter: { type: "applicability_scope", applicability_scope: { price_type: "metered" } },
    })
  ).balances[0]?.available_balance.monetary?.value;
  expect(left).toBe(9_980);
  expect(await message(stripe.billing.creditGrants.voidGrant(early.id))).toContain("drawn on");
  expect(late.amount.monetary?.value).toBe(10_000);
});

test("leap days and long months: a fee's share is by the seconds of its own month", async () => {
  await using account = await testAccount({ nowMs: Date.parse("2028-02-29T00:00:00Z") });
  const { invoices } = await subscribed(account);
  expect(amounts((await invoices())[0])).toEqual([Math.round(500 / 29)]);
});

test("a subscription that is dated back to the hour pays its fee from that hour on", async () => {
  await using account = await testAccount({ nowMs: Date.parse("2026-11-24T12:34:56Z") });
  const { stripe } = account;
  const customer = await customerWithCard(account);
  const create = (at: string) =>
    licensedPrice(stripe).then(({ id: price }) =>
      stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price }],
        billing_cycle_anchor_config: { day_of_month: 1, hour: 0, minute: 0, second: 0 },
        backdate_start_date: Date.parse(at) / 1000,
      }),
    );
  const { start_date: start } = await create("2026-11-24T12:00:00Z");
  expect(start).toBe(Date.parse("2026-11-24T12:00:00Z") / 1000);
  // 156 of 720 hours.
  expect(amounts((await stripe.invoices.list({ customer: customer.id })).data[0])).toEqual([108]);
  expect(await message(create("2026-11-24T13:00:00Z"))).toContain("must be in the past");
});
