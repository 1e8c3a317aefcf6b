import assert from "node:assert/strict";
import axe from "axe-core";
import type { Page } from "playwright-core";

/** Shows the page in either theme, one after the other, and then in the one that it had. */
export async function inBothThemes(page: Page, visit: (scheme: "light" | "dark") => Promise<void>): Promise<void> {
  const isDark = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    // Colours change slowly.
    await page.evaluate(() =>
      Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))),
    );
    await visit(colorScheme);
  }
  await page.emulateMedia({ colorScheme: isDark ? "dark" : "light" });
}

/** Waits until nothing is being loaded that somebody asked for. */
export async function settled(page: Page): Promise<void> {
  await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
}

/** Fails if axe finds that the page breaks a rule of WCAG 2.2, level AA, in either theme. */
export async function accessible(page: Page, what: string): Promise<void> {
  // What is being loaded is dimmed.
  await settled(page);
  // Not a script of the page, whose policy would forbid it.
  await page.evaluate(axe.source);
  await inBothThemes(page, async (scheme) => {
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as { axe: typeof axe }).axe.run({
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      }),
    );
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    assert.deepEqual(found, [], `${what}, ${scheme}`);
  });
}
