import assert from "node:assert/strict";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { accessible, inBothThemes } from "./axe.ts";
import { screenshot } from "./browser.ts";
import { fits } from "./explorer.ts";
import { token } from "./token.ts";

/** A user of a server who has signed in, by a token with more claims, and a client of theirs. */
export async function person(server: { url: string }, id: string, name = `Name of ${id}`, claims: object = {}) {
  const client = createClient({ url: server.url, token: token(id, 3600, claims) });
  await client.user.updateName({ name });
  return client;
}

export const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { level: 1, name });
export const region = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
export const row = (page: Page, table: string, text: string) =>
  page.getByRole("table", { name: table }).getByRole("row").filter({ hasText: text });
export const said = (page: Page, text: RegExp) => page.getByRole("status").filter({ hasText: text });

/** Fails if the page, once it is loaded, breaks a rule of accessibility or does not fit. Keeps a screenshot of either theme. */
export async function wellMade(page: Page, name: string): Promise<void> {
  await page.getByText("Loading…").first().waitFor({ state: "hidden" });
  // What is under the bar at the top has no size for axe.
  await page.evaluate(() => scrollTo(0, 0));
  await accessible(page, name);
  await fits(page, name);
  await inBothThemes(page, (scheme) => screenshot(page, scheme === "dark" ? `${name}-dark` : name));
}

/** The elements that are dimmed from now on, by their names. */
export function dimmed(page: Page) {
  return page.evaluateHandle(() => {
    const seen: string[] = [];
    const note = (records: MutationRecord[]) => seen.push(...records.map(({ target }) => target.nodeName));
    new MutationObserver(note).observe(document.body, { subtree: true, attributeFilter: ["aria-busy"] });
    return seen;
  });
}

/** Presses a button and confirms what is asked, which must say what will happen. */
export async function confirm(page: Page, button: string | RegExp, answer: string, says: RegExp): Promise<void> {
  await page.getByRole("button", { name: button }).first().click();
  const dialog = page.getByRole("alertdialog");
  assert.match(await dialog.innerText(), says);
  await dialog.getByRole("button", { name: answer, exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
}

/** Presses Tab until something with this name has the focus. */
export async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      const label = (element as HTMLInputElement | null)?.labels?.[0]?.textContent;
      return element?.getAttribute("aria-label") ?? label ?? element?.textContent ?? "";
    });
  for (let presses = 0; presses < 200; presses += 1) {
    await page.keyboard.press("Tab");
    const now = await focused();
    if (typeof name === "string" ? now === name : name.test(now)) return;
  }
  throw new Error(`Tab does not lead to ${name}`);
}
