import { mkdir } from "node:fs/promises";
import { after } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Debian's Chromium, closed when the file's tests are over. */
export async function browser(): Promise<Browser> {
  const chrome = await chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: FLAGS });
  after(() => chrome.close());
  return chrome;
}

/** Keeps a picture to look at, under screenshots/. */
export async function screenshot(page: Page, name: string): Promise<void> {
  await mkdir("screenshots", { recursive: true });
  await page.screenshot({ path: `screenshots/${name}.png`, fullPage: true });
}

/** Everything that goes wrong in a page. */
export function complaints(page: Page): string[] {
  const found: string[] = [];
  page.on("pageerror", (error) => found.push(error.message));
  page.on("console", (message) => message.type() === "error" && found.push(message.text()));
  return found;
}
