import { join } from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { request } from "undici";
import { signUp } from "./person.ts";

/** A function's log, as a person looks for something in it. */
const consoleUrl = process.env["SLUICE_CONSOLE"] ?? "";
const gatewayPort = process.env["SLUICE_GATEWAY_PORT"] ?? "";
const logs = "/logbook/functions/shop/logs";

const code = `export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const printedAt = Date.now();
    if (pathname !== "/quiet") console.log("order received", pathname);
    if (searchParams.has("status")) console.error("customer 4711 is unknown");
    for (let line = 0; line < Number(searchParams.get("lines")); line += 1) console.log("step", line);
    return new Response(String(printedAt), { status: Number(searchParams.get("status") ?? 200) });
  },
};`;

test.describe.configure({ mode: "serial" });

let page: Page;
test.use({ actionTimeout: 15_000 });
test.beforeAll(async ({ browser }) => {
  page = await browser.newPage({ baseURL: consoleUrl, viewport: { width: 1360, height: 850 }, colorScheme: "light" });
  await signUp(page, { name: "Grace Hopper", email: "grace.logs@example.com", organization: "Logbook" });
  const named = { organizationSlug: "logbook", name: "shop" };
  await mutate("function.create", { ...named, template: "hello" });
  await mutate("function.deploy", { ...named, files: [{ path: "src/index.ts", content: code }] });
});
test.afterAll(async () => {
  await page.close();
});

test("an empty log says what will be in it", async () => {
  await page.goto(logs);
  await expect(page.getByText("Call your function")).toBeVisible();
});

test("what a function prints is on the page within a second, under its request", async () => {
  await call("/warm");
  await expect(page.getByText("order received /warm")).toBeVisible();
  const delaysMs: number[] = [];
  for (let nth = 0; nth < 5; nth += 1) {
    const path = `/live-${nth}`;
    const seenAt = page.waitForFunction(
      (text) => (document.body.textContent.includes(text) ? Date.now() : 0),
      `order received ${path}`,
    );
    const { text } = await call(path);
    delaysMs.push((await (await seenAt).jsonValue()) - Number(text));
  }
  expect(delaysMs.toSorted((a, b) => a - b)[2], `printed to shown, ms: ${delaysMs.join(" ")}`).toBeLessThan(1_000);
  await expect(row("/live-4")).toContainText("200");
});

test("a request that printed nothing is there too, with its status", async () => {
  await call("/quiet");
  await expect(row("/quiet")).toContainText("200");
});

test("a line is found by its text, whatever its case, and the address leads another page to the same", async ({
  browser,
}) => {
  await call("/lost?status=404");
  await page.keyboard.press("/");
  await page.keyboard.type("CUSTOMER 4711");
  await expect(row("/lost?status=404")).toContainText("customer 4711 is unknown");
  await expect(row("/quiet")).toHaveCount(0);
  await expect(page).toHaveURL(/\?search=CUSTOMER\+4711$/);
  const context = await browser.newContext({
    baseURL: consoleUrl,
    storageState: await page.context().storageState(),
    colorScheme: "dark",
    viewport: { width: 375, height: 800 },
  });
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(other.getByText("customer 4711 is unknown")).toBeVisible();
  await expect(other.getByLabel("Search", { exact: true })).toHaveValue("CUSTOMER 4711");
  const overflow = await other.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow).toBeLessThanOrEqual(0);
  await other.screenshot({ path: join("test-results", "pages", "logs-dark-375.png") });
  await context.close();
  await page.getByLabel("Search", { exact: true }).press("Escape");
  await expect(row("/quiet")).toBeVisible();
});

test("requests are found by status, by level and by version, also those that come afterwards", async () => {
  await choose("Status", "4xx");
  await expect(row("/lost?status=404")).toContainText("order received /lost");
  await expect(row("/quiet")).toHaveCount(0);
  await call("/lost-again?status=404");
  await call("/fine");
  await expect(row("/lost-again?status=404")).toContainText("order received /lost-again");
  await expect(row("/fine")).toHaveCount(0);
  // What was typed a moment before a choice counts too.
  await page.getByLabel("Search", { exact: true }).fill("lost-again");
  await choose("Status", "404");
  await expect(page).toHaveURL(/\?search=lost-again&status=404$/);
  await expect(row("/lost?status=404")).toHaveCount(0);
  await expect(row("/lost-again?status=404")).toBeVisible();
  await page.getByRole("button", { name: "Clear the search" }).click();
  await choose("Status", "All statuses");
  await choose("Level", "Errors");
  await expect(row("/lost-again?status=404")).toContainText("customer 4711");
  await expect(page.getByText("order received")).toHaveCount(0);
  await choose("Level", "All levels");
  await choose("Version", "Version 1");
  await expect(page.getByText("Nothing matches")).toBeVisible();
  await page.getByRole("button", { name: "Clear all filters" }).click();
  await expect(row("/fine")).toBeVisible();
});

test("a click on a request's id shows that request alone, and the browser leads back", async () => {
  const { requestId } = await call("/one?status=500");
  await row("/one?status=500")
    .getByRole("link", { name: requestId.slice(0, 10) })
    .click();
  await expect(page).toHaveURL(`${consoleUrl}${logs}?request=${requestId}`);
  await expect(row("/one?status=500")).toContainText("customer 4711");
  await expect(row("/fine")).toHaveCount(0);
  await page.goBack();
  await expect(row("/fine")).toBeVisible();
  await page.goto(`${logs}?request=${requestId}`);
  await expect(row("/one?status=500")).toBeVisible();
  await page.getByRole("button", { name: "Show all requests" }).click();
  await expect(row("/fine")).toBeVisible();
});

test("while it is not live the page stays as it is; what came meanwhile is there when it is live again", async ({
  browser,
}) => {
  const live = page.getByRole("button", { name: "Live" });
  await live.click();
  await expect(live).toHaveAttribute("aria-pressed", "false");
  const { requestId } = await call("/meanwhile");
  // It is stored by the time that another page finds it.
  const context = await browser.newContext({
    baseURL: consoleUrl,
    storageState: await page.context().storageState(),
  });
  const other = await context.newPage();
  await other.goto(`${logs}?request=${requestId}`);
  await expect(other.getByText("order received /meanwhile")).toBeVisible();
  await context.close();
  await expect(row("/meanwhile")).toHaveCount(0);
  await live.click();
  await expect(row("/meanwhile")).toBeVisible();
});

test("older lines are loaded on demand", async () => {
  for (let nth = 0; nth < 3; nth += 1) await call(`/much-${nth}?lines=100`);
  await expect(page.getByText("step 99")).toHaveCount(3);
  await page.reload();
  await expect(row("/much-2?lines=100")).toBeVisible();
  await expect(row("/warm")).toHaveCount(0);
  await page.getByRole("button", { name: "Load older" }).click();
  await expect(row("/warm")).toContainText("order received /warm");
  await expect(page.getByText("That is all that matches")).toBeVisible();
});

/** The request of that path with what it printed. */
function row(path: string) {
  return page
    .getByRole("list", { name: "Requests and what they printed" })
    .locator("> li")
    .filter({ has: page.getByTitle(path, { exact: true }) });
}

async function choose(label: string, option: string): Promise<void> {
  await page.getByRole("combobox", { name: label }).click();
  await page.getByRole("option", { name: option, exact: true }).click();
}

async function call(path: string): Promise<{ text: string; requestId: string }> {
  const answer = await request(`http://127.0.0.1:${gatewayPort}${path}`, {
    headers: { host: "shop--logbook.localhost" },
  });
  return { text: await answer.body.text(), requestId: String(answer.headers["x-request-id"]) };
}

async function mutate(procedure: string, input: unknown): Promise<void> {
  const answer = await page.request.post(`/api/trpc/${procedure}`, {
    headers: { origin: consoleUrl },
    data: { json: input },
  });
  expect(answer.status(), await answer.text()).toBe(200);
}
