import type { Page } from "playwright-core";
import { go, signIn } from "./explorer.ts";

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
