import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test, type Page } from "@playwright/test";
import { request } from "undici";
import { testSmtp, type TestSmtp } from "#server/mail/test-smtp.ts";
import { MovedTime } from "./moved-time.ts";
import { newHello, signInAgain, signUp } from "./person.ts";
import { freePorts, startSluiceProcess, type SluiceProcess } from "./sluice-process.ts";
import { showPages } from "./shown-pages.ts";

/** A month of one organization, from choosing Pro to checking its invoice with the script, where no money is collected. */
test.describe.configure({ mode: "serial" });
test.use({ actionTimeout: 20_000 });

const ada = { name: "Ada Lovelace", email: "ada@example.com", organization: "Acme" };
/** Jobs of the console look every 2 to 30 s, and machines that test are slow. */
const soon = { timeout: 90_000, intervals: [500] };

let dir: string;
let smtp: TestSmtp;
let sluice: SluiceProcess;
let page: Page;
let clock: MovedTime;
let invoiceNumber = "";

test.beforeAll(async ({ browser }) => {
  test.setTimeout(400_000);
  dir = await mkdtemp(join(tmpdir(), "sluice-bill-"));
  smtp = await testSmtp();
  clock = new MovedTime(dir);
  await clock.startWithinMonth();
  sluice = await startSluiceProcess(join(dir, "data"), await freePorts(), {
    ...clock.env,
    SMTP_URL: smtp.url,
    INVOICE_ISSUER: "Example Ltd|1 Example Street",
  });
  page = await browser.newPage({ baseURL: `http://localhost:${sluice.port}`, acceptDownloads: true });
});
test.afterAll(async () => {
  await page.close();
  await sluice.stop();
  await smtp[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

test("somebody signs up, moves to Pro and sets a cap, and is told what it costs before it does", async () => {
  await signUp(page, ada);
  await page.getByRole("navigation").getByRole("link", { name: "Billing", exact: true }).click();
  for (const name of ["Plan", "This month", "Spending cap", "Payment method", "Invoices"])
    await expect(page.getByRole("heading", { name, exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Change to Pro" }).click();
  await expect(page.getByRole("dialog")).toContainText("Its fee for the rest of this month is $");
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page.getByRole("button", { name: "Change to Free" })).toBeVisible();
  await page.getByLabel("Monthly cap in dollars").fill("3.10");
  await page.getByRole("button", { name: "Save cap" }).click();
  await expect(page.getByRole("region", { name: "Spending cap" })).toContainText("$0.00 spent, $3.10 left");
});

test("what is called shows in the month at once, and costs nothing while it is included", async () => {
  await newHello(page, "acme");
  for (let call = 0; call < 5; call += 1) expect(await callHello()).toBe(200);
  await page.goto("/acme/billing");
  const requests = page.getByRole("table", { name: "This month so far" }).getByRole("row", { name: /Requests/ });
  await expect(requests).toContainText("5 used, 5,000,000 included");
});

test("the operator adds prices from the next hour on: a dollar a request, and none included", async () => {
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Operator" }).click();
  await page.getByRole("tab", { name: "Price book" }).click();
  await page.getByRole("button", { name: "New version" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("From (UTC)").fill(new Date(clock.nextHourMs()).toISOString().slice(0, 16));
  await dialog.getByLabel("Pro, requests").fill("0");
  await dialog.getByLabel("Cents a million").fill("100000000");
  await dialog.getByRole("button", { name: "Add version" }).click();
  const version = page.getByRole("region", { name: "Version 2" });
  await expect(version).toContainText("To come");
  // The hour itself begins while calls may come, as it does in life: budgets have to allow for it before.
  await clock.moveTo(clock.nextHourMs() - 15_000);
  await expect.poll(() => afterReload(() => version.textContent()), soon).toContain("In force");
});

test("at the cap calls are refused, and not one more is paid for; raised, it lets them through", async () => {
  test.setTimeout(300_000);
  await expect.poll(callHello, soon).toBe(402);
  await page.goto("/acme/billing");
  const cap = page.getByRole("region", { name: "Spending cap" });
  await expect(cap).toContainText("$3.00 spent, $0.10 left", { timeout: 30_000 });
  const bar = page.getByRole("alert").filter({ hasText: "The spending cap of $3.10 is reached." });
  await expect.poll(() => afterReload(() => bar.count()), soon).toBe(1);
  const mails = () => smtp.taken.map(({ raw }) => raw).join("\n");
  await expect.poll(mails, soon).toContain("100 % of the spending cap is spent");
  expect(smtp.taken[0]?.to).toEqual(["ada@example.com"]);
  await page.getByLabel("Monthly cap in dollars").fill("20");
  await page.getByRole("button", { name: "Save cap" }).click();
  await expect.poll(callHello, soon).toBe(200);
  await expect(cap).toContainText("$4.00 spent, $16.00 left", { timeout: 30_000 });
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(bar).toHaveCount(0);
  await expect(page.getByRole("list", { name: "Alerts so far" })).toContainText(
    "The spending cap of $3.10 is reached.",
  );
});

test("when the month is over its invoice comes by itself, and its lines are the calls", async () => {
  test.setTimeout(400_000);
  await clock.moveTo(clock.nextMonthMs(20));
  await signInAgain(page, ada);
  await page.goto("/acme/billing");
  const link = page.getByRole("table", { name: "Invoices" }).getByRole("link", { name: /^SLU-\d{4}-\d{6}$/ });
  await expect.poll(() => afterReload(() => link.count()), { timeout: 240_000, intervals: [2_000] }).toBe(1);
  await link.click();
  await expect(page).toHaveURL(/SLU-\d{4}-000001$/);
  invoiceNumber = /SLU-\d{4}-\d{6}/.exec(page.url())?.[0] ?? "";
  const lines = page.getByRole("table", { name: "Invoice lines" });
  await expect(lines.getByRole("row", { name: /^Pro, \d+ of \d+ hours/ })).toBeVisible();
  const requests = lines.getByRole("row", { name: /^Requests/ });
  await expect(requests.nth(0)).toContainText(/5.*\$0\.00/);
  await expect(requests.nth(1)).toContainText(/4.*\$4\.00/);
});

test("a line opens to its hours, and an hour to its requests", async () => {
  const lines = page.getByRole("table", { name: "Invoice lines" });
  await lines
    .getByRole("row", { name: /^Requests/ })
    .nth(1)
    .getByRole("link")
    .click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Requests");
  await page.getByRole("table", { name: "Hours" }).getByRole("link").first().click();
  const requests = page.getByRole("table", { name: "Requests of the hour" });
  await expect(requests.getByRole("row").filter({ hasText: "GET /" })).toHaveCount(4);
});

test("PDF, CSV and export are what was used, and the script proves it with the total and the seal that the page names", async () => {
  await page.goto(`/acme/billing/invoices/${invoiceNumber}`);
  const pdf = await readFile(await download("PDF"));
  expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
  const csv = await readFile(await download("Usage as CSV"), "utf8");
  const rows = csv.trim().split("\r\n").slice(1);
  expect(rows.reduce((sum, row) => sum + Number(row.split(",")[2]), 0)).toBe(9);
  const path = await download("Export");
  const command = await page.getByRole("group", { name: "Verify the export" }).textContent();
  const [, total = "", seal = ""] = /--total (\S+) \\\s+--seal (\S+)/.exec(command ?? "") ?? [];
  expect(await verify(path, "--total", total, "--seal", seal)).toEqual({
    code: 0,
    said: expect.stringContaining(`Invoice ${invoiceNumber}: $${total}`),
  });
  const text = await readFile(path, "utf8");
  const at = text.indexOf('"cpu_ns":"', text.indexOf('"entry":"fact"')) + 10;
  await writeFile(path, `${text.slice(0, at)}${(Number(text[at]) + 1) % 10}${text.slice(at + 1)}`);
  expect(await verify(path)).toEqual({ code: 1, said: expect.stringContaining("Refused.") });
});

test("the pages of the bill can be shown: light, dark, and at the width of a phone, without a sideways scroll", async () => {
  test.setTimeout(300_000);
  await showPages(page, `http://localhost:${sluice.port}`, [
    { name: "bill", path: "/acme/billing" },
    { name: "invoice", path: `/acme/billing/invoices/${invoiceNumber}` },
    { name: "invoice-line", path: `/acme/billing/invoices/${invoiceNumber}/lines/3` },
    { name: "outlook", path: "/acme/usage" },
    { name: "operator", path: "/operator" },
    { name: "operator-organization", path: "/operator/organizations/acme" },
    { name: "operator-prices", path: "/operator/prices" },
    { name: "operator-sealing", path: "/operator/sealing" },
    { name: "operator-audit", path: "/operator/audit" },
  ]);
});

async function afterReload<Result>(look: () => Promise<Result>): Promise<Result> {
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  return look();
}

/** The answer's status; a refusal has to say that it is the cap's. */
async function callHello(): Promise<number> {
  const { statusCode, body } = await request(`http://127.0.0.1:${sluice.gatewayPort}/`, {
    headers: { host: "hello--acme.localhost" },
  });
  const text = await body.text();
  if (statusCode === 402) expect(text).toContain("spend_cap_reached");
  return statusCode;
}

async function download(name: string): Promise<string> {
  const link = page.getByRole("link", { name, exact: true });
  const answer = await page.request.get((await link.getAttribute("href")) ?? "");
  expect(answer.status(), `${name}: ${answer.ok() ? "" : await answer.text()}\n${sluice.said()}`).toBe(200);
  const [file] = await Promise.all([page.waitForEvent("download"), link.click()]);
  const path = join(dir, file.suggestedFilename());
  await file.saveAs(path);
  return path;
}

function verify(path: string, ...args: string[]): Promise<{ code: number; said: string }> {
  const script = join(import.meta.dirname, "../server/billing/verify/verify-export.ts");
  return promisify(execFile)(process.execPath, [script, path, ...args]).then(
    ({ stdout }) => ({ code: 0, said: stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ code, said: stdout }),
  );
}
