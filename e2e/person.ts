import { expect, type Page } from "@playwright/test";

export const password = "correct horse battery staple";

export type Person = { name: string; email: string; organization: string };

/** Signs somebody up in the browser, with an organization whose name is one word, and waits for its page. */
export async function signUp(page: Page, { name, email, organization }: Person): Promise<void> {
  await page.goto("/sign-up");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByLabel("Organization").fill(organization);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page).toHaveURL(new RegExp(`/${organization.toLowerCase()}$`));
}

/** A session lasts a month; a clock that was moved over one may have ended it. */
export async function signInAgain(page: Page, { email, organization }: Person): Promise<void> {
  await page.goto(`/${organization.toLowerCase()}`);
  if (!page.url().includes("/sign-in")) return;
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(new RegExp(`/${organization.toLowerCase()}`));
}

/** Makes a function from the template "hello", which serves at once. */
export async function newHello(page: Page, organizationSlug: string, name = "hello"): Promise<void> {
  await page.goto(`/${organizationSlug}/functions`);
  await page.getByRole("button", { name: "New function" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("radio", { name: /hello/i }).first().check();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page).toHaveURL(new RegExp(`/${organizationSlug}/functions/${name}$`));
}
