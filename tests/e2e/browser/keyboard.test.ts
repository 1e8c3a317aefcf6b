// Saved calls, named tokens and the batch, by keyboard alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { browser } from "../support/browser.ts";
import { explorer, LOADING } from "../support/explorer.ts";
import { Server } from "../support/server.ts";
import { heading, tabTo } from "../support/things.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const explore = explorer(await browser(), server);

const result = (page: Page) => page.getByRole("region", { name: "Result", exact: true });
const list = (page: Page, name: string) => page.getByRole("list", { name, exact: true });
const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? "");

/** Goes to each by Tab, and presses Enter. */
async function press(page: Page, ...names: (string | RegExp)[]): Promise<void> {
  for (const name of names) {
    await tabTo(page, name);
    await page.keyboard.press("Enter");
  }
}

/** Goes to a field by Tab, and types. */
async function type(page: Page, label: string | RegExp, text: string): Promise<void> {
  await tabTo(page, label);
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
}

/** Types into the field of a dialog, which has the focus, and presses Enter. */
async function answer(page: Page, name: string, text: string): Promise<void> {
  const dialog = page.getByRole("dialog", { name });
  await dialog.waitFor();
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "hidden" });
}

async function signInByKeys(page: Page, as: string): Promise<void> {
  await page.getByText(LOADING).waitFor({ state: "hidden" });
  await press(page, "Sign in");
  await answer(page, "Sign in", as);
}

test("saved calls are made, found, filled in and removed", () =>
  explore(1280, "/#/hello.hello", async (page) => {
    await signInByKeys(page, token("keyboard_calls"));
    await type(page, "text", "by-keys");
    await page.keyboard.press("Enter");
    await until(async () => /hello by-keys/.test(await result(page).innerText()), "the answer");
    await press(page, "Save…");
    await answer(page, "Save this call", "a greeting");
    await press(page, "Saved calls");
    await heading(page, "Saved calls").waitFor();
    await type(page, /^Search by name/, "greeting");
    await page.getByText("No matches.").waitFor();
    await type(page, /^Search by name/, " ");
    await press(page, /^Save… hello\.hello/);
    await answer(page, "Save this call", "another");
    await press(page, "a greeting");
    await heading(page, "hello.hello").waitFor();
    await until(
      async () => (await page.getByRole("textbox", { name: "text" }).inputValue()) === "by-keys",
      "the input of the call",
    );
    await press(page, "Saved calls");
    await heading(page, "Saved calls").waitFor();
    await press(page, "Remove a greeting");
    await list(page, "Saved").getByText("a greeting").waitFor({ state: "detached" });
    // What was pressed is gone.
    assert.equal(await focused(page), "Saved");
    await press(page, "Clear the history");
    await page.getByText("No calls yet.").waitFor();
    assert.equal(await focused(page), "History");
    await tabTo(page, "Keep a history");
    await page.keyboard.press("Space");
    await page.getByText("The history is switched off.").waitFor();
  }));

test("named tokens are added, switched, renamed and removed", () =>
  explore(1280, "/", async (page) => {
    await page.getByText(LOADING).waitFor({ state: "hidden" });
    await press(page, "Named tokens");
    await heading(page, "Named tokens").waitFor();
    for (const name of ["first", "second"]) {
      await type(page, "Name", name);
      await type(page, "Token", token(`keyboard_${name}`));
      await page.keyboard.press("Enter");
      await list(page, "Named tokens").getByText(name, { exact: true }).waitFor();
    }
    const account = (name: RegExp) => page.getByRole("banner").getByRole("button", { name });
    await account(/^Account: .*keyboard_second/).waitFor();
    await press(page, "Use first");
    await account(/^Account: .*keyboard_first/).waitFor();
    await tabTo(page, "Named token");
    await page.keyboard.press("ArrowDown");
    await account(/^Account: .*keyboard_second/).waitFor();
    await press(page, "Rename first");
    await answer(page, "Rename first", "third");
    await list(page, "Named tokens").getByText("third", { exact: true }).waitFor();
    await press(page, "Remove third");
    await list(page, "Named tokens").getByText("third", { exact: true }).waitFor({ state: "detached" });
    assert.equal(await focused(page), "Named tokens");
  }));

test("calls are collected, sent, removed and confirmed in a batch", () =>
  explore(1280, "/#/hello.hello", async (page) => {
    const client = createClient({ url: server.url, token: token("keyboard_batch") });
    const { id } = await client.k8s.create({ name: "keys", location: "eu" });
    await signInByKeys(page, token("keyboard_batch"));
    await type(page, "text", "collected");
    await press(page, "Add to batch");
    await page.getByText("one call is in the batch").waitFor();
    await press(page, "k8s.delete");
    await heading(page, "k8s.delete").waitFor();
    await type(page, "id", String(id));
    await press(page, "Add to batch", "2 calls are");
    await heading(page, "Batch").waitFor();
    await press(page, "Send 2 calls");
    const dialog = page.getByRole("alertdialog");
    await dialog.waitFor();
    // Enter on what has the focus first sends nothing.
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "hidden" });
    assert.equal((await client.k8s.count()).active, 1);
    await press(page, "Send 2 calls");
    await dialog.waitFor();
    await press(page, "Yes, send");
    await page.getByText("2 succeeded, 0 failed", { exact: true }).waitFor();
    assert.equal((await client.k8s.count()).active, 0);
    await press(page, "Remove 1. hello.hello");
    await until(async () => (await list(page, "Calls").locator(":scope > li").count()) === 1, "one call");
    assert.equal(await focused(page), "Batch");
    await press(page, "Remove all");
    await page.getByText("No calls yet.").waitFor();
  }));
