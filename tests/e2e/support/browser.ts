import { mkdir } from "node:fs/promises";
import { after } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Debian's Chromium. It is closed after the tests of the file. */
export async function browser(): Promise<Browser> {
  const chrome = await chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: FLAGS });
  after(() => chrome.close());
  return chrome;
}

/** Saves a screenshot of the whole page under screenshots/. */
export async function screenshot(page: Page, name: string): Promise<void> {
  await mkdir("screenshots", { recursive: true });
  await page.screenshot({ path: `screenshots/${name}.png`, fullPage: true });
}

/** Collects the errors of a page: uncaught exceptions and console errors. */
export function complaints(page: Page): string[] {
  const found: string[] = [];
  page.on("pageerror", (error) => found.push(error.message));
  page.on("console", (message) => message.type() === "error" && found.push(message.text()));
  return found;
}
