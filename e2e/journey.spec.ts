import { join } from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { request } from "undici";

/** One person, from the landing page to the line on the usage page; nothing on the way is stubbed. */
const consoleUrl = process.env["SLUICE_CONSOLE"] ?? "";
const gatewayPort = process.env["SLUICE_GATEWAY_PORT"] ?? "";
/** The README's, and the landing page's: taken here, so that they show what there is. */
const screenshots = join(import.meta.dirname, "../public/screenshots");
const password = "correct horse battery staple";

test.describe.configure({ mode: "serial" });

let page: Page;
test.use({ actionTimeout: 15_000 });
test.beforeAll(async ({ browser }) => {
  page = await browser.newPage({ baseURL: consoleUrl, viewport: { width: 1360, height: 850 }, colorScheme: "light" });
});
test.afterAll(async () => {
  await page.close();
});

test("the landing page says what it is and leads to prices and sign-up", async () => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByRole("link", { name: "Sign in" }).first()).toBeVisible();
  await page.getByRole("link", { name: "Pricing" }).first().click();
  await expect(page.getByText("$0.30").first()).toBeVisible();
  await page.getByRole("link", { name: "Sign up" }).first().click();
  await expect(page).toHaveURL(/sign-up/);
});

test("a weak password is refused at its field, and a good sign-up leads to the organization", async () => {
  await page.getByLabel("Name", { exact: true }).fill("Ada Lovelace");
  await page.getByLabel("Email").fill("ada@example.com");
  await page.getByLabel("Password").fill("short");
  await page.getByLabel("Organization").fill("Acme");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByLabel("Password")).toHaveAttribute("aria-invalid", "true");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page).toHaveURL(`${consoleUrl}/acme`);
  for (const name of ["Overview", "Functions", "Storage", "Usage", "Billing", "Settings"]) {
    await expect(page.getByRole("navigation").getByRole("link", { name, exact: true }).first()).toBeVisible();
  }
});

test("a function is made from a template, edited, and deployed by the keyboard", async () => {
  await page.getByRole("navigation").getByRole("link", { name: "Functions", exact: true }).click();
  await page.getByRole("button", { name: "New function" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("hello");
  await page.getByRole("radio", { name: /hello/i }).first().check();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page).toHaveURL(`${consoleUrl}/acme/functions/hello`);
  await write(`interface Env {}
export default {
  async fetch(request, env, ctx): Promise<Response> {
    const { pathname } = new URL(request.url);
    console.log("asked for", pathname);
    return new Response("Hello from version two");
  },
} satisfies ExportedHandler<Env>;
`);
  await page.keyboard.press("Control+Shift+I"); // the editor's own command: format the file
  const indented = page.locator(".monaco-editor .view-line").filter({ hasText: "async" });
  await expect.poll(() => indented.textContent()).toMatch(/^\s{2,}async/);
  await page.keyboard.press("ControlOrMeta+s");
  await expect(page.getByRole("status").filter({ hasText: /Deployed version \d+ in \d+ ms/ })).toBeVisible();
});

test("the Run panel shows the answer, its status, its times and its cost", async () => {
  await page.getByLabel("Path").fill("/from-the-panel");
  await page.getByRole("button", { name: "Send" }).click();
  const response = page.getByRole("region", { name: "Response" });
  await expect(response).toContainText("Hello from version two");
  await expect(response).toContainText("200");
  await expect(response).toContainText(/CPU/);
  await expect(response).toContainText(/\$0\.0000/);
  await expect(response).toContainText("asked for /from-the-panel");
  await page.getByRole("heading", { level: 1 }).hover();
  await page.screenshot({ path: join(screenshots, "console-light.png") });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: join(screenshots, "console-dark.png") });
  await page.emulateMedia({ colorScheme: "light" });
});

test("a mistake shows its file and line, and the version that serves goes on serving", async () => {
  await write(`export default {\n  fetch() { return new Response("broken" } };\n`);
  await page.getByRole("button", { name: "Deploy" }).click();
  await expect(page.getByRole("status").filter({ hasText: /index\.ts:2/ })).toBeVisible();
  expect(await callOverTcp("/")).toEqual([200, "Hello from version two"]);
  await write(
    `const settings = null as unknown as { name: string };\nconst name = settings.name;\nexport default { fetch: () => new Response(name) };\n`,
  );
  await page.getByRole("button", { name: "Deploy" }).click();
  await expect(page.getByRole("status").filter({ hasText: /index\.ts:2/ })).toBeVisible();
  expect(await callOverTcp("/")).toEqual([200, "Hello from version two"]);
});

test("the address answers in another tab and to any client, and every call is listed with what it cost", async () => {
  const address = page.getByRole("link", { name: `http://hello--acme.localhost:${gatewayPort}` });
  const [tab] = await Promise.all([
    page.context().waitForEvent("page"),
    address.click({ modifiers: ["ControlOrMeta"] }),
  ]);
  await expect(tab.locator("body")).toContainText("Hello from version two");
  await tab.close();
  for (let call = 0; call < 5; call += 1) expect(await callOverTcp("/listed")).toEqual([200, "Hello from version two"]);
  await expect(
    page
      .getByRole("table", { name: /recent requests/i })
      .getByRole("row")
      .filter({ hasText: "/listed" }),
  ).toHaveCount(5);
});

test("Logs shows what each request printed", async () => {
  await page.getByRole("tab", { name: "Logs" }).click();
  await expect(page.getByText("asked for /from-the-panel").first()).toBeVisible();
  await callOverTcp("/live");
  await expect(page.getByText("asked for /live").first()).toBeVisible();
});

test("Usage counts requests, CPU, egress and cost of the month, from the ledger", async () => {
  await page.getByRole("navigation").getByRole("link", { name: "Usage", exact: true }).click();
  const table = page.getByRole("table", { name: "Usage", exact: true });
  for (const meter of ["Requests", "CPU time", "Egress", "Storage"])
    await expect(table.getByRole("row", { name: new RegExp(meter) })).toBeVisible();
  // The calls above are ten; a browser may ask for the icon of an address besides.
  const counted = table
    .getByRole("row", { name: /Requests/ })
    .getByRole("cell")
    .first();
  await expect(counted).toHaveText(/^1[01]$/);
  await expect(page.getByRole("table", { name: /function/i })).toContainText("hello");
});

test("a function with an npm dependency deploys and answers", async () => {
  await page.goto("/acme/functions");
  await page.getByRole("button", { name: "New function" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("api");
  await page
    .getByRole("radio", { name: /hono|json/i })
    .first()
    .check();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page).toHaveURL(`${consoleUrl}/acme/functions/api`);
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("region", { name: "Response" })).toContainText("200");
});

test("signing out ends the session; a wrong password is told at once, the right one leads back", async () => {
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page).not.toHaveURL(/acme/);
  await page.goto("/sign-in");
  await page.getByLabel("Email").fill("ada@example.com");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert").filter({ hasText: /password/i })).toBeVisible();
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(`${consoleUrl}/acme`);
});

test("a taken email and a taken organization are told at their fields", async ({ browser }) => {
  const visitor = await browser.newPage({ baseURL: consoleUrl });
  await visitor.goto("/sign-up");
  await visitor.getByLabel("Name", { exact: true }).fill("Eve");
  await visitor.getByLabel("Email").fill("ADA@example.com");
  await visitor.getByLabel("Password").fill(password);
  await visitor.getByLabel("Organization").fill("Other");
  await visitor.getByRole("button", { name: "Create account" }).click();
  await expect(visitor.getByLabel("Email")).toHaveAttribute("aria-invalid", "true");
  await visitor.getByLabel("Email").fill("eve@example.com");
  await visitor.getByLabel("Organization").fill("acme");
  await visitor.getByRole("button", { name: "Create account" }).click();
  await expect(visitor.getByLabel("Organization")).toHaveAttribute("aria-invalid", "true");
  await visitor.close();
});

test("another tenant learns nothing of the organization, and nobody signed out gets in", async ({ browser }) => {
  const stranger = await browser.newPage({ baseURL: consoleUrl });
  await stranger.goto("/acme/functions/hello");
  await expect(stranger).toHaveURL(/sign-in/);
  await stranger.goto("/sign-up");
  await stranger.getByLabel("Name", { exact: true }).fill("Mallory");
  await stranger.getByLabel("Email").fill("mallory@example.com");
  await stranger.getByLabel("Password").fill(password);
  await stranger.getByLabel("Organization").fill("mallory");
  await stranger.getByRole("button", { name: "Create account" }).click();
  await expect(stranger).toHaveURL(`${consoleUrl}/mallory`);
  const foreign = await stranger.goto("/acme/functions/hello");
  const unknown = await stranger.goto("/nobody/functions/hello");
  expect([foreign?.status(), unknown?.status()]).toEqual([404, 404]);
  await stranger.close();
});

test("the pages can be shown: light, dark, and at the width of a phone, without a sideways scroll", async ({
  browser,
}) => {
  const state = await page.context().storageState();
  for (const [scheme, width] of [
    ["light", 1360],
    ["dark", 1360],
    ["light", 360],
    ["dark", 360],
  ] as const) {
    const context = await browser.newContext({
      baseURL: consoleUrl,
      storageState: state,
      colorScheme: scheme,
      viewport: { width, height: 850 },
    });
    const view = await context.newPage();
    for (const [name, path] of [
      ["console", "/acme/functions/hello"],
      ["overview", "/acme"],
      ["usage", "/acme/usage"],
      ["billing", "/acme/billing"],
      ["versions", "/acme/functions/hello/versions"],
      ["metrics", "/acme/functions/hello/metrics"],
      ["landing", "/"],
      ["pricing", "/pricing"],
    ] as const) {
      await view.goto(path);
      if (name === "console") await expect(view.locator(".monaco-editor .view-line").first()).toBeVisible();
      const overflow = await view.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, `${path} at ${width} px`).toBeLessThanOrEqual(0);
      await view.screenshot({ path: join("test-results", "pages", `${name}-${scheme}-${width}.png`) });
    }
    await context.close();
  }
});

/** Replaces the whole text of the open file, as a person with a keyboard would. */
async function write(text: string): Promise<void> {
  const editor = page.locator(".monaco-editor").first();
  await expect(editor.locator(".view-line").first()).toBeVisible();
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  // The editor indents by itself, as it does for whoever types.
  await page.keyboard.insertText(text.replace(/^ +/gm, ""));
}

async function callOverTcp(path: string): Promise<[number, string]> {
  const answer = await request(`http://127.0.0.1:${gatewayPort}${path}`, {
    headers: { host: "hello--acme.localhost" },
  });
  return [answer.statusCode, await answer.body.text()];
}
