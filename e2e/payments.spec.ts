import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { request } from "undici";
import { testSmtp, type TestSmtp } from "#server/mail/test-smtp.ts";
import { MovedTime } from "./moved-time.ts";
import { newHello, signInAgain, signUp } from "./person.ts";
import { freePorts, startSluiceProcess, type SluiceProcess } from "./sluice-process.ts";
import { StripeDoubleProcess } from "./stripe-double.ts";
import { showPages } from "./shown-pages.ts";

/** A month that is paid by card: from the card's number on Stripe's page to the invoice that Stripe collected, and a cap after it. */
test.describe.configure({ mode: "serial" });
test.use({ actionTimeout: 20_000 });

const grace = { name: "Grace Hopper", email: "grace.pays@example.com", organization: "Paying" };
const CALLS = 1_000;
/** Jobs of the console look every second to every minute, and machines that test are slow. */
const soon = { timeout: 90_000, intervals: [500] };
const later = { timeout: 240_000, intervals: [2_000] };

let dir: string;
let clock: MovedTime;
let stripe: StripeDoubleProcess;
let smtp: TestSmtp;
let sluice: SluiceProcess;
let page: Page;

test.beforeAll(async ({ browser }) => {
  test.setTimeout(400_000);
  dir = await mkdtemp(join(tmpdir(), "sluice-pay-"));
  clock = new MovedTime(dir);
  await clock.startWithinMonth();
  smtp = await testSmtp();
  stripe = await StripeDoubleProcess.start(clock.nowMs());
  const ports = await freePorts();
  const consoleUrl = `http://localhost:${ports.port}`;
  sluice = await startSluiceProcess(join(dir, "data"), ports, {
    ...clock.env,
    ...stripe.env,
    STRIPE_WEBHOOK_SECRET: await stripe.setUp(consoleUrl),
    NEXTAUTH_URL: consoleUrl,
    SMTP_URL: smtp.url,
  });
  page = await browser.newPage({ baseURL: consoleUrl, viewport: { width: 1360, height: 850 } });
});
test.afterAll(async () => {
  await page.close();
  await sluice.stop();
  await stripe.stop();
  await smtp[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

test("the operator lets each request cost a cent from the next hour on", async () => {
  await signUp(page, grace);
  await page.goto("/operator/prices");
  await page.getByRole("button", { name: "New version" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("From (UTC)").fill(new Date(clock.nextHourMs()).toISOString().slice(0, 16));
  await dialog.getByLabel("Pro, requests").fill("0");
  await dialog.getByLabel("Cents a million").fill("1000000");
  await dialog.getByRole("button", { name: "Add version" }).click();
  const version = page.getByRole("region", { name: "Version 2" });
  await expect(version).toContainText("To come");
  await moveTo(clock.nextHourMs() + 60_000);
  await expect.poll(() => afterReload(() => version.textContent()), soon).toContain("In force");
});

test("without a card, choosing Pro leads to Stripe's page; a card that declines changes nothing, another one does", async () => {
  await page.goto("/paying/billing");
  await expect(payment()).toContainText("None yet.");
  await choosePro();
  await enterCard("4000 0000 0000 0341");
  await expect(page).toHaveURL(/\/paying\/billing/);
  await expect(payment()).toContainText("ending in 0341");
  await choosePro();
  await enterCard("4242 4242 4242 4242");
  await expect(page).toHaveURL(/\/paying\/billing/);
  await expect(payment()).toContainText("ending in 4242");
  await choosePro();
  await expect(page.getByRole("button", { name: "Change to Free" })).toBeVisible();
  await setCap("30");
  await expect(cap()).toContainText("$0.00 spent, $30.00 left");
});

test("a thousand calls are answered, and are on the page at what they cost", async () => {
  test.setTimeout(120_000);
  await newHello(page, "paying");
  const callers = Array.from({ length: 8 }, () => callOften(CALLS / 8));
  expect((await Promise.all(callers)).flat()).toEqual(Array.from({ length: CALLS }, () => 200));
  await page.goto("/paying/billing");
  await expect(cap()).toContainText("$10.00 spent, $20.00 left", { timeout: 30_000 });
});

test("when the month is over its invoice comes, its lines are the calls, and Stripe collects to the cent what it says", async () => {
  test.setTimeout(600_000);
  await moveTo(clock.nextMonthMs(20));
  await signInAgain(page, grace);
  await page.goto("/paying/billing");
  const link = page.getByRole("table", { name: "Invoices" }).getByRole("link", { name: /^SLU-\d{4}-\d{6}$/ });
  await expect.poll(() => afterReload(() => link.count()), later).toBe(1);
  await link.click();
  await expect(page).toHaveURL(/SLU-\d{4}-000001$/);
  const paid = page.getByRole("heading", { level: 1 }).getByText("Paid");
  await expect.poll(() => afterReload(() => paid.count()), later).toBe(1);
  const lines = page.getByRole("table", { name: "Invoice lines" });
  await expect(lines.getByRole("row", { name: /^Requests/ }).filter({ hasText: "$10.00" })).toContainText("1,000");
  const { invoices, violations, mistakes } = await stripe.state();
  expect([...violations, ...mistakes]).toEqual([]);
  expect(invoices.map(({ reason, status }) => `${reason} ${status}`)).toEqual([
    "subscription_create paid",
    "subscription_cycle paid",
  ]);
  // The fee is paid ahead: this month's when it began, and beside its usage the next month's.
  const [first, ...rest] = invoices.flatMap((invoice) => invoice.lines);
  const usage = rest.filter(({ description }) => !description.endsWith("Plan"));
  const cents = [first, ...usage].reduce((sum, line) => sum + Number(line?.cents), 0);
  await expect(lines).toContainText(`Total$${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`);
  const mails = () => smtp.taken.map(({ raw }) => raw).join("\n");
  await expect.poll(mails, soon).toContain("SLU-");
});

test("the operator sees the ledger and Stripe side by side, without a difference", async () => {
  await page.goto("/operator/reconciliation?organization=paying");
  const month = page.getByRole("table", { name: "The month so far" });
  await expect(month.getByRole("row", { name: /^Requests/ })).toContainText("none");
  await expect(page.getByRole("table", { name: "Invoices that are held" })).toHaveCount(0);
});

test("in the next month the cap holds to the cent: 402 after it, and calls again once it is raised", async () => {
  test.setTimeout(180_000);
  await page.goto("/paying/billing");
  await setCap("1");
  await expect(cap()).toContainText("$0.00 spent, $1.00 left");
  const answers = await callOften(150);
  const answered = answers.filter((status) => status === 200).length;
  expect(answers).toEqual(answers.toSorted((a, b) => a - b));
  expect(answers.at(-1)).toBe(402);
  // What the last calls may cost at worst has to fit, so a few cents may be left.
  expect(answered).toBeGreaterThanOrEqual(95);
  expect(answered).toBeLessThanOrEqual(100);
  await setCap("2");
  await expect.poll(callHello, soon).toBe(200);
  await expect(cap()).toContainText(`$${((answered + 1) / 100).toFixed(2)} spent`, { timeout: 30_000 });
});

test("the pages of a paid month can be shown: light, dark, and at the width of a phone", async () => {
  test.setTimeout(120_000);
  await showPages(page, `http://localhost:${sluice.port}`, [
    { name: "paid-bill", path: "/paying/billing" },
    { name: "reconciliation", path: "/operator/reconciliation?organization=paying" },
  ]);
});

function payment() {
  return page.getByRole("region", { name: "Payment method" });
}

function cap() {
  return page.getByRole("region", { name: "Spending cap" });
}

async function choosePro(): Promise<void> {
  await page.getByRole("button", { name: "Change to Pro" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Confirm" }).click();
}

/** What a person does on the page that Stripe hosts. */
async function enterCard(number: string): Promise<void> {
  await expect(page).toHaveURL(/\/c\/pay\//);
  await page.getByLabel("Card number").fill(number);
  await page.getByRole("button", { name: "Save card" }).click();
}

async function setCap(dollars: string): Promise<void> {
  await page.getByLabel("Monthly cap in dollars").fill(dollars);
  await page.getByRole("button", { name: "Save cap" }).click();
  await expect(cap()).toContainText(`$${dollars}.00`);
}

/** Both clocks: ours first, so that nothing at Stripe happens in our future. */
async function moveTo(atMs: number): Promise<void> {
  await clock.moveTo(atMs);
  await stripe.moveTo(clock.nowMs());
}

async function afterReload<Result>(look: () => Promise<Result>): Promise<Result> {
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  return look();
}

/** One after the other. Gives the statuses. */
async function callOften(times: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let nth = 0; nth < times; nth += 1) statuses.push(await callHello());
  return statuses;
}

/** The answer's status; a refusal has to say that it is the cap's. */
async function callHello(): Promise<number> {
  const { statusCode, body } = await request(`http://127.0.0.1:${sluice.gatewayPort}/`, {
    headers: { host: "hello--paying.localhost" },
  });
  const text = await body.text();
  if (statusCode === 402) expect(text).toContain("spend_cap_reached");
  return statusCode;
}
