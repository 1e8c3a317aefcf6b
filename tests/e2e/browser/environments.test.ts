// Several tokens in the explorer.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser, screenshot } from "../support/browser.ts";
import { explorer, fits, go, kept, signIn } from "../support/explorer.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const explore = explorer(await browser(), server);

async function add(page: Page, name: string, secret: string): Promise<void> {
  const form = page.getByRole("form", { name: "Add a token" });
  await form.getByLabel("Name").fill(name);
  await form.getByLabel("Token").fill(secret);
  // By keyboard, from the field.
  await form.getByLabel("Token").press("Enter");
}

/** Calls `user.me` on its page and waits until the answer names `user`. */
async function isCaller(page: Page, user: string): Promise<void> {
  await page.getByRole("button", { name: "Call user.me" }).click();
  const result = page.getByRole("region", { name: "Result", exact: true });
  await until(async () => (await result.innerText()).includes(`"${user}"`), `the answer to ${user}`);
}

for (const width of [1920, 1280, 360]) {
  test(`${width} px: tokens have names, are switched at the top, renamed and removed, and are lost on reload`, () =>
    explore(width, "/", async (page) => {
      const [one, two] = [`environment_one_${width}`, `environment_two_${width}`];
      const choice = page.getByRole("banner").getByRole("combobox", { name: "Named token" });
      await go(page, "Named tokens");
      const list = page.getByRole("list", { name: "Named tokens" });
      await add(page, "customer", token(one));
      await list.getByText("customer").waitFor();
      await add(page, "customer", token(two));
      await page.getByText("Another one has this name.").waitFor();
      await add(page, "other", "nonsense");
      await until(async () => /UNAUTHORIZED/.test(await page.getByRole("main").innerText()), "the refusal");
      await add(page, "other", token(two));
      await list.getByText("other").waitFor();
      await accessible(page, "the environments");
      await screenshot(page, `environments-${width}`);
      await fits(page, "environments");

      await go(page, "user.me");
      await isCaller(page, two);
      await choice.selectOption("customer");
      await isCaller(page, one);
      await choice.selectOption("No token");
      await page.getByRole("button", { name: "Call user.me" }).click();
      await page.getByRole("region", { name: "Result", exact: true }).getByText("UNAUTHORIZED").first().waitFor();
      await choice.focus();
      await page.keyboard.press("ArrowDown");
      await isCaller(page, one);

      await go(page, "Named tokens");
      await page.getByRole("button", { name: "Rename customer" }).click();
      const dialog = page.getByRole("dialog", { name: "Rename customer" });
      await dialog.getByLabel("Name").fill("first");
      await dialog.getByRole("button", { name: "Rename" }).click();
      await list.getByText("first").waitFor();
      await page.getByRole("button", { name: "Remove first" }).click();
      assert.equal(await list.getByRole("listitem").count(), 1);
      await page.getByRole("button", { name: "Use other" }).click();
      await page
        .getByRole("banner")
        .getByRole("button", { name: /Account: .*two/ })
        .waitFor();
      assert.doesNotMatch(await kept(page), /environment_|eyJ|other/);

      await page.reload();
      await page.getByText("No tokens yet.").waitFor();
      assert.equal(await choice.isVisible(), false);
    }));
}

test("signing in adds a token, and signing out discards it and keeps the others", () =>
  explore(1280, "/#/environments", async (page) => {
    await signIn(page, token("environment_in"));
    const list = page.getByRole("list", { name: "Named tokens" });
    await list.getByText("Name of environment_in").first().waitFor();
    await add(page, "second", token("environment_second"));
    await list.getByText("second", { exact: true }).waitFor();
    await page
      .getByRole("banner")
      .getByRole("button", { name: /Account/ })
      .click();
    await page.getByRole("dialog", { name: "Signed in" }).getByRole("button", { name: "Sign out" }).click();
    await list.getByText("second", { exact: true }).waitFor({ state: "detached" });
    assert.equal(await list.getByRole("listitem").count(), 1);
    await page.getByRole("banner").getByRole("button", { name: "Sign in" }).waitFor();
  }));

test("whom the browser stays signed in as can be chosen beside a token", () =>
  explore(1280, "/", async (page) => {
    await page.goto(await server.consoleLink());
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    const account = (name: RegExp) => page.getByRole("banner").getByRole("button", { name });
    await account(/^Account: .*ADMIN/).waitFor();
    const choice = page.getByRole("banner").getByRole("combobox", { name: "Named token" });
    assert.equal(await choice.isVisible(), false);
    await go(page, "Named tokens");
    await add(page, "customer", token("environment_beside"));
    await account(/^Account: .*USER/).waitFor();
    await choice.selectOption("This browser");
    await account(/^Account: .*ADMIN/).waitFor();
    await go(page, "user.me");
    await page.getByRole("button", { name: "Call user.me" }).click();
    await page.getByRole("region", { name: "Result", exact: true }).getByText('"ADMIN"').waitFor();
    await choice.selectOption("customer");
    await isCaller(page, "environment_beside");
  }));
