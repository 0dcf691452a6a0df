import { expect, test, type Page } from "@playwright/test";
import { newHello, signUp } from "./person.ts";
import { showPages } from "./shown-pages.ts";

/** A person who tries a cap before it is needed; nothing on the way is stubbed. */
const consoleUrl = process.env["SLUICE_CONSOLE"] ?? "";

test.describe.configure({ mode: "serial" });

let page: Page;
test.use({ actionTimeout: 15_000 });
test.beforeAll(async ({ browser }) => {
  page = await browser.newPage({ baseURL: consoleUrl, viewport: { width: 1360, height: 850 }, colorScheme: "light" });
  await signUp(page, { name: "Katherine Johnson", email: "katherine@example.com", organization: "Drilled" });
  await newHello(page, "drilled");
});
test.afterAll(async () => {
  await page.close();
});

const card = () => page.getByRole("region", { name: "Flood drill" });
const row = (name: string) =>
  card().getByRole("table", { name: "Flood drill report" }).getByRole("row", { name }).getByRole("cell");

test("what can't be a cap or a number of calls is told at its field", async () => {
  await page.goto("/drilled/billing");
  const cap = card().getByLabel("Test cap");
  await cap.fill("plenty");
  await card().getByRole("button", { name: "Start drill" }).click();
  await expect(cap).toHaveAccessibleDescription(/Write dollars and cents/);
  await cap.fill("0.05");
  const calls = card().getByLabel("Number of calls");
  await calls.fill("5000");
  await card().getByRole("button", { name: "Start drill" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Flood hello" }).click();
  await expect(calls).toHaveAccessibleDescription(/2,000 calls at most/);
});

test("a person is told what a drill does before it does it, sees it go on, and reads that the cap held", async () => {
  await card().getByLabel("Number of calls").fill("400");
  await card().getByRole("button", { name: "Start drill" }).click();
  const dialog = page.getByRole("dialog", { name: "Flood hello with 400 calls?" });
  await expect(dialog).toContainText("The function really runs");
  await dialog.getByRole("button", { name: "Flood hello" }).click();
  await expect(card().getByRole("progressbar", { name: "Calls made" })).toBeVisible();
  await expect(card().getByRole("status")).toContainText("The cap held: $0.00 of $0.05 past it.", { timeout: 60_000 });
  await expect(row("Passed the cap by")).toHaveText("$0.00");
  await expect(row("Price of a call")).toHaveText("$0.0005");
  const answered = Number(await row("Answered").textContent());
  expect(answered).toBeGreaterThan(80);
  expect(answered).toBeLessThanOrEqual(100);
});

test("nothing of it is in the organization's usage, and the next drill waits for its minute", async () => {
  await page.goto("/drilled/usage");
  const requests = page.getByRole("table", { name: "Usage" }).getByRole("row", { name: /Requests/ });
  await expect(requests.getByRole("cell").first()).toHaveText("0");
  await page.goto("/drilled/billing");
  await expect(card().getByRole("status")).toContainText("The cap held");
  await card().getByRole("button", { name: "Start drill" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Flood hello" }).click();
  await expect(card().getByRole("alert")).toContainText("There is one drill a minute");
});

test("the page can be read in light and dark, and at the width of a phone, without a sideways scroll", async () => {
  const ready = (view: Page) =>
    expect(view.getByRole("region", { name: "Flood drill" }).getByRole("status")).toBeVisible();
  await showPages(page, consoleUrl, [{ name: "drill", path: "/drilled/billing", ready }]);
});
