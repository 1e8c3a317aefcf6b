// The explorer in a browser, used through its labels and roles.
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { complaints } from "./browser.ts";
import { until } from "./until.ts";

/** What the sidebar says until the page has started. */
export const LOADING = "Loading the procedures…";

/** What a test does with the page. */
type Visit = (page: Page) => Promise<void>;

interface Options {
  colorScheme?: "dark" | "light";
}

/**
 * A function that opens a page of the server and visits it. Afterwards the page must have logged no errors, kept no token and
 * requested nothing from other hosts.
 */
export function explorer(chrome: Browser, server: { url: string }) {
  return async (width: number, path: string, visit: Visit, options: Options = {}): Promise<void> => {
    const permissions = ["clipboard-read", "clipboard-write"];
    // Without transitions, which show colours in between when a test changes the theme.
    const looks = { viewport: { width, height: 800 }, reducedMotion: "reduce" as const, ...options };
    const context = await chrome.newContext({ ...looks, permissions });
    const page = await context.newPage();
    const wrong = complaints(page);
    const foreign: string[] = [];
    page.on(
      "request",
      (request) =>
        void (request.url().startsWith(server.url) || request.url().startsWith("data:") || foreign.push(request.url())),
    );
    await page.goto(server.url + path);
    await visit(page);
    assert.deepEqual(foreign, []);
    // The browser logs each refused call and each failed connection. The tests provoke both.
    assert.deepEqual(
      wrong.filter((text) => !/status of 4\d\d|ERR_CONNECTION_RE(FUSED|SET)|ERR_INTERNET_DISCONNECTED/.test(text)),
      [],
    );
    assert.doesNotMatch((await kept(page)) + page.url(), /eyJ|cd[a-z]_/);
    // A page that is read again by itself may be in the middle of it.
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await context.close();
  };
}

/** Everything that the page has stored in the browser. */
export function kept(page: Page): Promise<string> {
  return page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
}

export async function signIn(page: Page, as: string): Promise<void> {
  await page.getByRole("banner").getByRole("button", { name: "Sign in" }).click();
  const dialog = page.getByRole("dialog", { name: "Sign in" });
  await dialog.getByLabel("Token").fill(as);
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await dialog.waitFor({ state: "hidden" });
}

/** Follows a link in the sidebar, which a button opens on a narrow screen. */
export async function go(page: Page, place: string): Promise<void> {
  // The button works when the page has started.
  await page.getByText(LOADING).waitFor({ state: "hidden" });
  const menu = page.getByRole("button", { name: "Menu" });
  if (await menu.isVisible()) await menu.click();
  await page.getByRole("navigation", { name: "Procedures" }).getByRole("link", { name: place, exact: true }).click();
}

/** Chooses an action of the menu of a row. */
export async function choose(page: Page, row: string | RegExp, action: string | RegExp): Promise<void> {
  // Not while the row is being loaded again, which also closes its menu if the row has changed.
  const button = page.getByRole("button", { name: row, disabled: false });
  const item = page.getByRole("menuitem", { name: action });
  await until(async () => {
    if (!(await item.isVisible())) await button.press("Enter");
    return item.isVisible();
  }, `the menu of ${row}`);
  await item.press("Enter");
}

/** What is wider than the page, if the page is too wide. */
function beyond(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const wide = [...document.body.querySelectorAll("*")].filter(
      (one) => one.getBoundingClientRect().right > clientWidth,
    );
    return wide.map((one) => `${one.localName}.${one.className} ${one.textContent?.slice(0, 40)}`);
  });
}

/** Fails if the page is too wide or breaks inside a word. */
export async function unbroken(page: Page, what: string): Promise<void> {
  assert.deepEqual(await beyond(page), [], `${what} is too wide`);
  assert.deepEqual(await broken(page), [], `${what} breaks words`);
}

/** Fails if the page is too wide, breaks inside a word, or has tables where cards belong, or the other way round. */
export async function fits(page: Page, what: string): Promise<void> {
  await unbroken(page, what);
  const rows = await page.evaluate(() => {
    const looks = (row: Element) => {
      const label = getComputedStyle(row.querySelector("td:not([data-label=Actions])") ?? row, "::before").content;
      return `${getComputedStyle(row).display}${label === "none" ? "" : " with labels"}`;
    };
    return [...new Set([...document.querySelectorAll("main :is(.list, .table) tbody tr")].map(looks))];
  });
  const { width } = page.viewportSize()!;
  const wanted = width < 500 ? "block with labels" : "table-row";
  assert.deepEqual(
    rows.filter((one) => one !== wanted),
    [],
    `${what} at ${width} px`,
  );
}

/** Words that begin on one line and end on another. */
function broken(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode as Text;
      for (const { 0: word, index } of node.data.matchAll(/[\p{L}\p{N}_]+/gu)) {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        const lines = new Set([...range.getClientRects()].map(({ bottom }) => Math.round(bottom / 8)));
        if (lines.size > 1) found.push(word);
      }
    }
    return found;
  });
}
