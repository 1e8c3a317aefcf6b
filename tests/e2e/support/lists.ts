import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { accessible } from "./axe.ts";
import { go, signIn } from "./explorer.ts";
import { until } from "./until.ts";

/** The widths at which lists are used, each in one of the themes. */
export const LOOKS = [
  [360, "dark"],
  [1280, "light"],
  [1920, "dark"],
] as const;

/** Opens a tab of the dashboard with an admin's token. */
export async function openTab(page: Page, token: string, tab: string): Promise<void> {
  await signIn(page, token);
  await go(page, "Dashboard");
  await page.getByRole("navigation", { name: "Dashboard" }).getByRole("link", { name: tab }).click();
  await rows(page).first().waitFor();
}

/** The rows of the list, without the head. */
export const rows = (page: Page) => page.getByRole("main").locator("tbody tr");
export const row = (page: Page, text: string) => rows(page).filter({ hasText: text });
/** The question before something is done. */
export const dialog = (page: Page) => page.getByRole("alertdialog");
/** The text in the clipboard. */
export const copied = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

/** Opens the menu of a row, which must have these entries, lie in the window and be accessible, and closes it. */
export async function menuHas(page: Page, row: string | RegExp, entries: string[]): Promise<void> {
  const button = page.getByRole("button", { name: row, disabled: false });
  const items = page.getByRole("menuitem");
  await until(async () => {
    // The row is made anew when it has changed, and its menu is closed then.
    if (!(await items.first().isVisible())) await button.press("Enter");
    return (await items.allInnerTexts()).join() === entries.join();
  }, `${entries.join()} in the menu of ${row}`);
  const outside = await page.getByRole("menu").evaluate((menu) => {
    const { left, top, right, bottom } = menu.getBoundingClientRect();
    return [-left, -top, right - innerWidth, bottom - innerHeight].filter((pixels) => pixels > 0);
  });
  assert.deepEqual(outside, [], `the menu of ${row} is in the window`);
  await accessible(page, `the menu of ${row}`);
  await page.keyboard.press("Escape");
  await items.first().waitFor({ state: "hidden" });
}

/** Fails if the list that is shown is wider than its place in a window of some width. Leaves a window of 1280 pixels. */
export async function narrow(page: Page, what: string): Promise<void> {
  const height = page.viewportSize()!.height;
  for (let width = 320; width <= 1960; width += 40) {
    await page.setViewportSize({ width, height });
    const beyond = await page.evaluate(() => {
      const list = document.querySelector("main .list")!.getBoundingClientRect();
      const table = document.querySelector("main .list table")!.getBoundingClientRect();
      return [table.right - list.right, document.documentElement.scrollWidth - document.documentElement.clientWidth];
    });
    assert.ok(Math.max(...beyond) < 1, `${what} at ${width} pixels: ${beyond}`);
  }
  await page.setViewportSize({ width: 1280, height });
}
