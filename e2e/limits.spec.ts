import { expect, test, type Page } from "@playwright/test";
import { newHello, signUp } from "./person.ts";
import { showPages } from "./shown-pages.ts";

/** A person who bounds what a function may use, and sees the bound hold; nothing on the way is stubbed. */
const consoleUrl = process.env["SLUICE_CONSOLE"] ?? "";

test.describe.configure({ mode: "serial" });

let page: Page;
test.use({ actionTimeout: 15_000 });
test.beforeAll(async ({ browser }) => {
  page = await browser.newPage({ baseURL: consoleUrl, viewport: { width: 1360, height: 850 }, colorScheme: "light" });
  await signUp(page, { name: "Grace Hopper", email: "grace@example.com", organization: "Bounded" });
  await newHello(page, "bounded", "loop");
});
test.afterAll(async () => {
  await page.close();
});

test("an endless loop is written and deployed", async () => {
  const editor = page.locator(".monaco-editor").first();
  await expect(editor.locator(".view-line").first()).toBeVisible();
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  // One line: the editor indents and closes brackets by itself, as it does for whoever types.
  await page.keyboard.insertText(
    `const isLoop = (request: Request) => new URL(request.url).pathname === "/loop";\nexport default { fetch(request: Request) { while (isLoop(request)); return new Response("fine"); } };\n`,
  );
  await page.keyboard.press("ControlOrMeta+s");
  await expect(page.getByRole("status").filter({ hasText: "Deployed version 2" })).toBeVisible();
});

test("each limit is shown with its default, what the plan allows, and what happens when it is reached", async () => {
  await page.getByRole("tab", { name: "Settings" }).click();
  const limits = page.getByRole("region", { name: "Limits" });
  for (const name of [
    "CPU time of a request",
    "Wall time of a request",
    "Memory of an instance",
    "Body of a request",
    "Requests at once in an instance",
    "Instances at once",
    "Requests a second",
    "Subrequests of a request",
    "Printed text of a request",
  ]) {
    await expect(limits.getByLabel(name, { exact: true })).toBeVisible();
  }
  const cpu = limits.getByLabel("CPU time of a request", { exact: true });
  await expect(cpu).toHaveValue("");
  await expect(cpu).toHaveAccessibleDescription(/Default 1,000 ms, at most 10,000 ms on Free\. .*cpu_limit/);
});

test("more than the plan allows, and what is no number, are refused at their fields", async () => {
  const limits = page.getByRole("region", { name: "Limits" });
  const cpu = limits.getByLabel("CPU time of a request", { exact: true });
  await cpu.fill("20000");
  await limits.getByRole("button", { name: "Save limits" }).click();
  await expect(cpu).toHaveAttribute("aria-invalid", "true");
  await expect(cpu).toHaveAccessibleDescription(/10,000 ms is the most on the Free plan/);
  await cpu.fill("a lot");
  await limits.getByRole("button", { name: "Save limits" }).click();
  await expect(cpu).toHaveAccessibleDescription(/Write a whole number/);
});

test("a new CPU limit is deployed as a version of the same source", async () => {
  const limits = page.getByRole("region", { name: "Limits" });
  await limits.getByLabel("CPU time of a request", { exact: true }).fill("50");
  await limits.getByRole("button", { name: "Save limits" }).click();
  await expect(limits.getByRole("status").filter({ hasText: /Deployed version 3 in \d+ ms/ })).toBeVisible();
  await page.reload();
  await expect(limits.getByLabel("CPU time of a request", { exact: true })).toHaveValue("50");
});

test("the loop is ended within its new limit, and the function answers again", async () => {
  await page.getByRole("tab", { name: "Code" }).click();
  const response = page.getByRole("region", { name: "Response" });
  await page.getByLabel("Path").fill("/loop");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(response).toContainText("502");
  await expect(response).toContainText("cpu_limit");
  await page.getByLabel("Path").fill("/");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(response).toContainText("fine");
});

test("after a roll-back the page says that what serves has other limits", async () => {
  await page.getByRole("tab", { name: "Versions" }).click();
  await page.getByRole("button", { name: "Roll back to this version" }).first().click();
  await expect(page.getByText(/Version 2 serves again/)).toBeVisible();
  await page.getByRole("tab", { name: "Settings" }).click();
  await expect(page.getByText(/Version 2 serves with other limits than these: CPU time.* 1,000 ms/)).toBeVisible();
});

test("the page can be read in light and dark, and at the width of a phone, without a sideways scroll", async () => {
  await showPages(page, consoleUrl, [{ name: "limits", path: "/bounded/functions/loop/settings" }]);
});
