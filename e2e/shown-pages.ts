import { join } from "node:path";
import { expect, type Page } from "@playwright/test";

const looks = [
  ["light", 1360],
  ["dark", 1360],
  ["light", 375],
  ["dark", 375],
] as const;

type ShownPage = {
  /** Of its pictures. */
  name: string;
  path: string;
  /** What to wait for beside the heading, or to do, before it is looked at. */
  ready?: (view: Page) => Promise<void>;
};

/**
 * Shows pages to whoever is signed in on `page`, in light and dark, wide and as on a phone: none may scroll sideways. The pictures are
 * for people to look at.
 */
export async function showPages(page: Page, baseURL: string, pages: readonly ShownPage[]): Promise<void> {
  const browser = page.context().browser();
  if (!browser) throw new Error("the page is of no browser");
  const storageState = await page.context().storageState();
  for (const [colorScheme, width] of looks) {
    const context = await browser.newContext({ baseURL, storageState, colorScheme, viewport: { width, height: 850 } });
    const view = await context.newPage();
    for (const { name, path, ready } of pages) {
      await view.goto(path);
      await expect(view.getByRole("heading", { level: 1 })).toBeVisible();
      await ready?.(view);
      const overflow = await view.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, `${path} at ${width} px`).toBeLessThanOrEqual(0);
      const picture = join("test-results", "pages", `${name}-${colorScheme}-${width}.png`);
      await view.screenshot({ path: picture, fullPage: true });
    }
    await context.close();
  }
}
