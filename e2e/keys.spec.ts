import { readFile } from "node:fs/promises";
import { expect, test, type Page } from "@playwright/test";
import { request } from "undici";
import { newHello, signUp } from "./person.ts";
import { showPages } from "./shown-pages.ts";

/** A person whose function counts visits in a namespace, and who reads and edits the count by hand; nothing on the way is stubbed. */
const consoleUrl = process.env["SLUICE_CONSOLE"] ?? "";
const gatewayPort = process.env["SLUICE_GATEWAY_PORT"] ?? "";

test.describe.configure({ mode: "serial" });

let page: Page;
test.use({ actionTimeout: 15_000 });
test.beforeAll(async ({ browser }) => {
  page = await browser.newPage({ baseURL: consoleUrl, viewport: { width: 1360, height: 850 }, colorScheme: "light" });
  await signUp(page, { name: "Katherine Johnson", email: "katherine.keys@example.com", organization: "Counted" });
  await newHello(page, "counted", "visits");
});
test.afterAll(async () => {
  await page.close();
});

async function openStorage(): Promise<void> {
  await page.getByRole("navigation", { name: "Console" }).getByRole("link", { name: "Storage" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Storage" })).toBeVisible();
}

async function openNamespace(): Promise<void> {
  await openStorage();
  await page.getByRole("table", { name: "Namespaces" }).getByRole("link", { name: "visits" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "visits" })).toBeVisible();
}

const keys = () => page.getByRole("table", { name: "Keys" });
const dialog = () => page.getByRole("dialog");

test("a namespace is made, and one of the same name is refused at its field", async () => {
  await openStorage();
  await expect(page.getByText("No namespaces yet")).toBeVisible();
  await page.getByRole("button", { name: "New namespace" }).click();
  await dialog().getByLabel("Name").fill("visits");
  await dialog().getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "visits" })).toBeVisible();
  await expect(page.getByText("No keys yet")).toBeVisible();
  await openStorage();
  await page.getByRole("button", { name: "New namespace" }).click();
  await dialog().getByLabel("Name").fill("visits");
  await dialog().getByRole("button", { name: "Create" }).click();
  await expect(dialog().getByLabel("Name")).toHaveAttribute("aria-invalid", "true");
  await page.keyboard.press("Escape");
});

test("it is bound in the function's settings, from the next deploy on", async () => {
  await page.goto("/counted/functions/visits/settings");
  const bindings = page.getByRole("region", { name: "Bindings" });
  await expect(bindings).toContainText("Changes apply from the next deploy on");
  await bindings.getByRole("button", { name: "Add binding" }).click();
  await bindings.getByLabel("Name of binding 1").fill("not a name");
  await bindings.getByRole("button", { name: "Save bindings" }).click();
  await expect(bindings.getByRole("status")).toContainText("Use letters, digits and _");
  await bindings.getByLabel("Name of binding 1").fill("VISITS");
  await bindings.getByRole("button", { name: "Save bindings" }).click();
  await expect(bindings.getByRole("status")).toHaveText("Saved. The next deploy takes them.");
  await expect(bindings).toContainText("Version 1 serves with no bindings");
});

test("a function that counts visits in it is deployed and called", async () => {
  await page.getByRole("tab", { name: "Code" }).click();
  const editor = page.locator(".monaco-editor").first();
  await expect(editor.locator(".view-line").first()).toBeVisible();
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  // One line: the editor indents and closes brackets by itself, as it does for whoever types.
  await page.keyboard.insertText(
    `interface Env { VISITS: KVNamespace } export default { async fetch(_request, env): Promise<Response> { const seen = await env.VISITS.get<{ count: number }>("count", "json"); const count = (seen?.count ?? 0) + 1; await env.VISITS.put("count", JSON.stringify({ count }), { metadata: { by: "Zählwerk" } }); return new Response("visit " + count); } } satisfies ExportedHandler<Env>;`,
  );
  await page.keyboard.press("ControlOrMeta+s");
  await expect(page.getByRole("status").filter({ hasText: "Deployed version 2" })).toBeVisible();
  expect(await call()).toBe("visit 1");
  expect(await call()).toBe("visit 2");
});

test("the console shows the key, an edit of it is what the function reads next", async () => {
  await openNamespace();
  await expect(page.getByText(/^1 key, /)).toBeVisible();
  await expect(page.getByRole("region", { name: "Functions" })).toContainText("env.VISITS");
  await expect(keys().getByRole("row", { name: /count/ })).toContainText("Zählwerk");
  await keys().getByRole("button", { name: "count" }).click();
  await expect(dialog().getByLabel("Value")).toHaveValue('{\n  "count": 2\n}');
  await dialog().getByLabel("Metadata").fill("no json");
  await dialog().getByRole("button", { name: "Save" }).click();
  await expect(dialog().getByLabel("Metadata")).toHaveAttribute("aria-invalid", "true");
  await dialog().getByLabel("Metadata").fill('{"by":"Katherine"}');
  await dialog().getByLabel("Value").fill('{"count":41}');
  await dialog().getByLabel("Expires").fill("2040-01-01T00:00:00");
  await dialog().getByRole("button", { name: "Save" }).click();
  await expect(dialog()).toBeHidden();
  await expect(keys().getByRole("row", { name: /count/ })).toContainText("Katherine");
  await expect(keys().getByRole("row", { name: /count/ })).toContainText(/20(39|40)/);
  expect(await call()).toBe("visit 42");
});

test("keys are added, found by how they begin, and deleted", async () => {
  for (const key of ["user/ä", "user/b"]) {
    await page.getByRole("button", { name: "Add key" }).click();
    await dialog().getByLabel("Key", { exact: true }).fill(key);
    await dialog().getByLabel("Value").fill("text");
    await dialog().getByRole("button", { name: "Save" }).click();
    await expect(keys().getByRole("button", { name: key })).toBeVisible();
  }
  await page.getByLabel("Keys that begin with").fill("user/");
  await page.getByRole("button", { name: "Search" }).click();
  await expect(page).toHaveURL(/prefix=user/);
  await expect(keys().getByRole("button", { name: "count" })).toBeHidden();
  await keys().getByRole("button", { name: "user/b" }).click();
  await dialog().getByRole("button", { name: "Delete key" }).click();
  await expect(keys().getByRole("button", { name: "user/b" })).toBeHidden();
  await expect(keys().getByRole("button", { name: "user/ä" })).toBeVisible();
});

test("what is exported can be imported, and a line that is wrong is named", async () => {
  await openNamespace();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Export" }).click(),
  ]);
  expect(download.suggestedFilename()).toBe("visits.ndjson");
  const text = await readFile(await download.path(), "utf8");
  expect(
    text
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line)),
  ).toEqual([
    { key: "count", value: '{"count":42}', metadata: { by: "Zählwerk" } },
    { key: "user/ä", value: "text" },
  ]);
  const added = Array.from({ length: 60 }, (_, at) => JSON.stringify({ key: `page/${at}`, base64: "AP8=" })).join("\n");
  await importFile(`${text}${added}\n`);
  await expect(dialog().getByRole("status")).toHaveText("62 keys imported.");
  await importFile('{"key":"x","value":"1"}\n{"key":"y"}\n');
  await expect(dialog().getByRole("status")).toContainText("Line 2: ");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await expect(dialog()).toBeHidden();
  await page.getByRole("link", { name: "Next page" }).click();
  await expect(keys().getByRole("button", { name: "user/ä" })).toBeVisible();
  await expect(page.getByText(/^62 keys, /)).toBeVisible();
});

async function importFile(text: string): Promise<void> {
  if (!(await dialog().isVisible())) await page.getByRole("button", { name: "Import" }).click();
  await dialog()
    .getByLabel("File")
    .setInputFiles({ name: "keys.ndjson", mimeType: "application/x-ndjson", buffer: Buffer.from(text) });
  await dialog().getByRole("button", { name: "Import", exact: true }).click();
}

test("the pages can be shown: light, dark, and at the width of a phone, without a sideways scroll", async () => {
  await openNamespace();
  const namespace = new URL(page.url()).pathname;
  const open = async (view: Page) => {
    await view.getByRole("table", { name: "Keys" }).getByRole("button", { name: "count" }).click();
    await expect(view.getByRole("dialog").getByLabel("Value")).toBeVisible();
  };
  await showPages(page, consoleUrl, [
    { name: "storage", path: "/counted/storage" },
    { name: "namespace", path: namespace },
    { name: "bindings", path: "/counted/functions/visits/settings" },
    { name: "key", path: namespace, ready: open },
  ]);
});

test("a namespace is deleted under its name, and its function then says why it fails", async () => {
  await openNamespace();
  await page.getByRole("button", { name: "Delete namespace" }).click();
  const remove = dialog().getByRole("button", { name: "Delete visits" });
  await dialog().getByLabel("Type visits to confirm").fill("visit");
  await expect(remove).toBeDisabled();
  await dialog().getByLabel("Type visits to confirm").fill("visits");
  await remove.click();
  await expect(page.getByText("No namespaces yet")).toBeVisible();
  await page.goto("/counted/functions/visits/settings");
  await expect(page.getByRole("region", { name: "Bindings" })).toContainText("(deleted)");
  expect(await call()).toContain("function_threw");
  await page.getByRole("tab", { name: "Logs" }).click();
  await expect(page.getByText(/There is no such namespace/).first()).toBeVisible();
});

async function call(): Promise<string> {
  const answer = await request(`http://127.0.0.1:${gatewayPort}/`, { headers: { host: "visits--counted.localhost" } });
  return answer.body.text();
}
