// Signing in to the explorer by an identity provider on another site.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser, complaints, screenshot } from "../support/browser.ts";
import { freePort } from "../support/port.ts";
import { Provider } from "../support/provider.ts";
import { renaming } from "../support/rename.ts";
import { Server } from "../support/server.ts";

const provider = await Provider.start();
const server = await Server.start(provider.settings(await freePort()));
const chrome = await browser();
const { host } = new URL(provider.issuer);

/** Visits pages in a new browser profile. No page may complain. */
async function profile(
  visit: (page: Page, context: BrowserContext) => Promise<void>,
  { width = 1280, colorScheme = "light" }: { width?: number; colorScheme?: "light" | "dark" } = {},
): Promise<void> {
  const context = await chrome.newContext({ viewport: { width, height: 800 }, colorScheme });
  const page = await context.newPage();
  const wrong = complaints(page);
  await visit(page, context);
  assert.deepEqual(
    wrong.filter((text) => !/status of 4\d\d/.test(text)),
    [],
  );
  await context.close();
}

const account = (page: Page) => page.getByRole("banner").getByRole("button", { name: /^Account: / });
const signIn = (page: Page) => page.getByRole("banner").getByRole("button", { name: "Sign in" });
const enter = (page: Page) => page.getByRole("link", { name: `Sign in with ${host}` });
const overflow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test("the explorer is entered by the provider, with the keyboard alone, and stays so", () =>
  profile(async (page, context) => {
    await page.goto(server.url);
    await signIn(page).press("Enter");
    await enter(page).press("Enter");
    await page.waitForURL(`${provider.issuer}/**`);
    await page.getByRole("link", { name: "Let me in" }).press("Enter");
    await page.waitForURL(`${server.url}/`);
    assert.equal(await account(page).getAttribute("aria-label"), "Account: Ada L, USER");
    const cookies = await context.cookies(server.url);
    const kept = cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]);
    assert.deepEqual(kept, [["clusterdesk-session", true, "Strict"]]);
    await page.reload();
    await account(page).waitFor();
    await account(page).click();
    await page.getByRole("dialog", { name: "Signed in" }).getByRole("button", { name: "Sign out" }).click();
    await signIn(page).waitFor();
  }));

for (const [width, colorScheme] of [
  [360, "light"],
  [1280, "dark"],
  [1920, "light"],
] as const) {
  test(`${width} px, ${colorScheme}: the dialog offers the provider, and failures are said in words`, () =>
    profile(
      async (page) => {
        const name = `oidc-${width}-${colorScheme}`;
        await page.goto(server.url);
        await signIn(page).click();
        await enter(page).waitFor();
        await accessible(page, "the dialog with the provider");
        await screenshot(page, `${name}-dialog`);
        assert.equal(await overflow(page), 0);
        await enter(page).click();
        await page.getByRole("link", { name: "No" }).click();
        const notice = page.getByRole("alert").filter({ hasText: "did not let you in" });
        await notice.waitFor();
        assert.match(await notice.innerText(), /Request id [0-9a-f-]{36}/);
        assert.equal(page.url(), `${server.url}/sign-in`);
        await accessible(page, "the page after a refusal");
        await screenshot(page, `${name}-refused`);
        assert.equal(await overflow(page), 0);

        provider.isUp = false;
        await enter(page).click();
        await page.getByRole("link", { name: "Let me in" }).click();
        await page.getByRole("alert").filter({ hasText: "can't be reached" }).waitFor();
        provider.isUp = true;
        await enter(page).click();
        await page.getByRole("link", { name: "Let me in" }).click();
        await account(page).waitFor();
      },
      { width, colorScheme },
    ));
}

test("the page of refusals shows no text of the address", () =>
  profile(async (page) => {
    for (const failed of ["__proto__", "<img src=x onerror=alert(1)>", "constructor", "no such word"]) {
      await page.goto(`${server.url}/sign-in?${new URLSearchParams({ failed, request: `${failed}&x` })}`);
      await page.getByRole("alert").filter({ hasText: "You were not signed in." }).waitFor();
      assert.equal(await page.getByText("Request id").count(), 0);
    }
  }));

test("a name with markup, from right to left and of four bytes is a text", () =>
  profile(async (page) => {
    const names = ["<img src=x onerror=alert(1)>", "\u202eרונית", "𝒜𝒹𝒶 🦀"];
    for (const [number, name] of names.entries()) {
      provider.claims = { sub: `oidc|odd-${number}`, name };
      await page.goto(`${server.url}/sign-in`);
      await enter(page).click();
      await page.getByRole("link", { name: "Let me in" }).click();
      await account(page).waitFor();
      assert.equal(await account(page).innerText(), name);
      assert.equal(await page.locator("img[src=x]").count(), 0);
    }
  }));

test("behind a proxy that changes Host, the page to which the button leads back says why", async () => {
  let behind = "";
  const front = await renaming(() => behind);
  const { BIND_ADDR: _, ...settings } = provider.settings(Number(new URL(front).port));
  behind = (await Server.start(settings)).url;
  const why = (page: Page) => page.getByRole("alert").filter({ hasText: /pass the header Host unchanged/ });
  await profile(async (page) => {
    await page.goto(`${front}/sign-in`);
    await enter(page).waitFor();
    assert.equal(await why(page).count(), 0);
    await enter(page).press("Enter");
    await why(page).waitFor();
    assert.equal(page.url(), `${front}/sign-in`);
    await accessible(page, "the page to which the button has led back");
    await screenshot(page, "oidc-sent-back");
    // Whoever comes from the server's own address to that of the provider, and back without an answer, is not told so.
    await page.goto(`${server.url}/sign-in`);
    await enter(page).press("Enter");
    await page.waitForURL(`${provider.issuer}/**`);
    await page.goBack();
    await enter(page).waitFor();
    assert.equal(await why(page).count(), 0);
  });
});

test("without a provider none is offered", async () => {
  const plain = await Server.start();
  await profile(async (page) => {
    const asked = page.waitForResponse(/sign-in\/options$/);
    await page.goto(`${plain.url}/sign-in`);
    assert.deepEqual(await (await asked).json(), { provider: null });
    assert.equal(await page.getByRole("link", { name: /^Sign in with/ }).count(), 0);
  });
});
