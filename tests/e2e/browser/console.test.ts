// Staying signed in to the explorer, and its tabs for tokens and sessions.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { BrowserContext, Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser, complaints, screenshot } from "../support/browser.ts";
import { choose, fits } from "../support/explorer.ts";
import { LOOKS, menuHas } from "../support/lists.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const chrome = await browser();

/** Visits pages in a new browser profile. Afterwards no page may have complained or kept a secret where scripts can read it. */
async function profile(
  visit: (page: Page, context: BrowserContext) => Promise<void>,
  width = 1280,
  colorScheme: "light" | "dark" = "light",
): Promise<void> {
  const context = await chrome.newContext({ viewport: { width, height: 800 }, colorScheme, reducedMotion: "reduce" });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  const wrong = complaints(page);
  await visit(page, context);
  // The browser logs each refused request, which the tests provoke.
  assert.deepEqual(
    wrong.filter((text) => !/status of 4\d\d/.test(text)),
    [],
  );
  const kept = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]),
  );
  assert.doesNotMatch(kept, /eyJ|cd[kc]_/);
  await context.close();
}

/** Opens a link and presses its button. */
async function open(page: Page, link: string): Promise<void> {
  await page.goto(link);
  await page.getByRole("button", { name: "Sign in" }).click();
  await account(page).waitFor();
}

const account = (page: Page) => page.getByRole("banner").getByRole("button", { name: /^Account: / });
const signIn = (page: Page) => page.getByRole("banner").getByRole("button", { name: "Sign in" });

async function signOut(page: Page): Promise<void> {
  await account(page).click();
  await page.getByRole("dialog", { name: "Signed in" }).getByRole("button", { name: "Sign out" }).click();
  await signIn(page).waitFor();
}

test("a link signs the browser in, which stays so and keeps its theme", () =>
  profile(async (page, context) => {
    const link = await server.consoleLink();
    const requests: string[] = [];
    page.on("request", (request) => void requests.push(JSON.stringify([request.url(), request.headers()])));
    await page.goto(link);
    assert.equal(page.url(), `${server.url}/sign-in`);
    await accessible(page, "the page of a link");
    await screenshot(page, "console-sign-in");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(`${server.url}/`);
    assert.equal(await account(page).getAttribute("aria-label"), "Account: Administrator, ADMIN");
    const secret = link.split("#")[1] ?? "";
    assert.ok(secret.length > 30 && !requests.some((request) => request.includes(secret)));
    const [cookie] = await context.cookies();
    assert.deepEqual([cookie?.httpOnly, cookie?.sameSite, cookie?.path], [true, "Strict", "/"]);

    await page.getByRole("button", { name: /^Dark theme|^Light theme/ }).click();
    const theme = await page.evaluate(() => document.documentElement.dataset.theme);
    await page.reload();
    await account(page).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), theme);
    await page.goto(`${server.url}/#/dashboard/users`);
    await page.getByRole("row").filter({ hasText: "Administrator" }).waitFor();
    await page.goto(`${server.url}/#/k8s.watch`);
    await page.getByRole("button", { name: "Start watching" }).click();
    await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Live." }).waitFor();

    await signOut(page);
    await page.reload();
    await signIn(page).waitFor();
    assert.deepEqual(await context.cookies(), []);
    await page.goto(link);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").filter({ hasText: "UNAUTHORIZED" }).waitFor();
    await accessible(page, "a link that was used");
    await page.goto("about:blank");
    await page.goto(`${server.url}/sign-in`);
    assert.equal(await page.getByRole("button", { name: "Sign in" }).isVisible(), false);
  }));

test("a token takes the place of the session until it is forgotten", () =>
  profile(async (page) => {
    await createClient({ url: server.url, token: token("console_user") }).user.me();
    await open(page, await server.consoleLink("console_user"));
    assert.match((await account(page).getAttribute("aria-label")) ?? "", /console_user, USER/);
    await signOut(page);
    await open(page, await server.consoleLink());
    await page.goto(`${server.url}/#/user.me`);
    await page.getByRole("button", { name: "Call user.me" }).click();
    const result = page.getByRole("region", { name: "Result", exact: true });
    await result.filter({ hasText: "ADMIN" }).waitFor();
  }));

test("a page of another site can not use the session", () =>
  profile(async (page, context) => {
    await open(page, await server.consoleLink());
    const other = await context.newPage();
    // Another host, and so another site, on the same machine.
    await other.goto(`${server.url.replace("127.0.0.1", "localhost")}/docs/icon.svg`);
    const answer = await other.evaluate(async (url) => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "user.me" });
      const init = { method: "POST", credentials: "include", mode: "no-cors", body } as const;
      const sent = await fetch(url, init).then(
        ({ type }) => type,
        () => "blocked",
      );
      const read = await fetch(`${url}/trpc-plain/user.me`, { credentials: "include" }).then(
        ({ status }) => String(status),
        () => "blocked",
      );
      return [sent, read];
    }, server.url);
    assert.ok(["opaque", "blocked"].includes(answer[0] ?? ""), String(answer));
    assert.equal(answer[1], "blocked");
    await page.reload();
    await account(page).waitFor();
  }));

for (const [width, scheme] of LOOKS) {
  test(`${width} px: tokens are made, copied, rotated and revoked`, () =>
    profile(
      async (page) => {
        const user = `console_tokens_${width}`;
        await createClient({ url: server.url, token: token(user) }).user.me();
        await open(page, await server.consoleLink(user));
        await page.goto(`${server.url}/#/access`);
        const form = page.getByRole("form", { name: "New token" });
        await form.getByRole("button", { name: "Make a token" }).click();
        assert.equal(await form.getByLabel("name").getAttribute("aria-invalid"), "true");
        await form.getByLabel("name").fill("deploy");
        await form.getByLabel("scope").selectOption("write");
        await form.getByLabel("expiresInDays").fill("30");
        await form.getByLabel("expiresInDays").press("Enter");
        const notice = page.getByRole("status").filter({ hasText: "never shown again" });
        await notice.waitFor();
        const secret = await notice.locator("code").innerText();
        assert.match(secret, /^cdk_[0-9A-Za-z]{36}$/);
        await notice.getByRole("button", { name: "Copy the new token" }).click();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
        const script = createClient({ url: server.url, token: secret });
        assert.equal((await script.user.me()).id, user);

        const row = () => page.getByRole("row").filter({ hasText: "live" });
        assert.match(await row().innerText(), new RegExp(`deploy[\\s\\S]*…${secret.slice(-3)}[\\s\\S]*write`));
        await accessible(page, "the tokens");
        await screenshot(page, `console-tokens-${width}`);
        await fits(page, "the tokens");
        await menuHas(page, /^Actions: deploy/, ["Rotate…", "Copy id", "Revoke…"]);
        await choose(page, /^Actions: deploy/, "Rotate…");
        assert.match(await page.getByRole("alertdialog").innerText(), /stops working at once, and you get a new one/);
        await page.getByRole("button", { name: "Rotate the token" }).press("Enter");
        await until(async () => (await notice.locator("code").innerText()) !== secret, "the new token");
        const rotated = createClient({ url: server.url, token: await notice.locator("code").innerText() });
        await assert.rejects(script.user.me(), { code: "UNAUTHORIZED" });
        assert.equal((await rotated.user.me()).id, user);
        await choose(page, /^Actions: deploy/, "Revoke…");
        assert.match(await page.getByRole("alertdialog").innerText(), /stops working at once\. This can't be undone/);
        await page.getByRole("button", { name: "Revoke the token" }).press("Enter");
        await page.getByText(/has been revoked/).waitFor();
        await assert.rejects(rotated.user.me(), { code: "UNAUTHORIZED" });
        await page.reload();
        await page.getByRole("table", { name: "Tokens" }).waitFor();
        assert.doesNotMatch(await page.getByRole("main").innerText(), /cdk_/);
      },
      width,
      scheme,
    ));

  test(`${width} px: sessions are listed and signed out`, () =>
    profile(
      async (page) => {
        const user = `console_sessions_${width}`;
        await createClient({ url: server.url, token: token(user) }).user.me();
        await profile(async (elsewhere) => {
          await open(elsewhere, await server.consoleLink(user));
          await open(page, await server.consoleLink(user));
          await page.goto(`${server.url}/#/access/sessions`);
          const rows = page.getByRole("table", { name: "Sessions" }).getByRole("row");
          await until(async () => (await rows.count()) === 3, "two sessions");
          assert.match(await rows.nth(1).innerText(), /this browser/);
          await accessible(page, "the sessions");
          await screenshot(page, `console-sessions-${width}`);
          await fits(page, "the sessions");
          await menuHas(page, /^Actions: session #/, ["Sign out…"]);
          await choose(page, /^Actions: session #/, "Sign out…");
          assert.match(await page.getByRole("alertdialog").innerText(), /That browser is signed out at once/);
          await page.getByRole("alertdialog").getByRole("button", { name: "Sign out", exact: true }).press("Enter");
          await page.getByText(/has been signed out/).waitFor();
          await until(async () => (await rows.count()) === 2, "one session");
          await elsewhere.reload();
          await signIn(elsewhere).waitFor();
        });
        await page.getByRole("button", { name: "Sign out everywhere" }).press("Enter");
        assert.match(await page.getByRole("alertdialog").innerText(), /All browsers are signed out/);
        await page.getByRole("alertdialog").getByRole("button", { name: "Sign out everywhere" }).press("Enter");
        await signIn(page).waitFor();
        await page.getByText("Your tokens and sessions are shown here once you are signed in.").waitFor();
      },
      width,
      scheme,
    ));
}

for (const [width, scheme] of LOOKS) {
  test(`${width} px: an admin sees and ends the sessions and tokens of others`, () =>
    profile(
      async (page) => {
        const other = `console_other_${width}`;
        const user = createClient({ url: server.url, token: token(other) });
        const { id } = await user.token.create({ name: "of another", scope: "read" });
        await open(page, await server.consoleLink());
        await page.goto(`${server.url}/#/access/tokens?userId=${other}`);
        await page.getByRole("heading", { name: `New token of Name of ${other}` }).waitFor();
        const named = page.getByRole("search").getByRole("link", { name: `Name of ${other}` });
        assert.equal(await named.getAttribute("href"), `#/user/${other}`);
        const row = page.getByRole("row").filter({ hasText: "of another" });
        await row.waitFor();
        await accessible(page, "the tokens of another");
        await fits(page, "the tokens of another");
        await choose(page, new RegExp(`^Actions: of another #${id}`), "Rotate…");
        await page.getByRole("alertdialog").getByRole("button", { name: "Rotate the token" }).click();
        await page.getByText("never shown again").waitFor();
        const [rotated] = await user.token.list();
        assert.notEqual(rotated?.id, id);
        await choose(page, new RegExp(`^Actions: of another #${rotated?.id}`), "Revoke…");
        await page.getByRole("button", { name: "Revoke the token" }).click();
        await page.getByText(/has been revoked/).waitFor();
        assert.ok((await user.token.list()).every(({ revokedAt }) => revokedAt !== null));

        await profile(async (elsewhere) => {
          await open(elsewhere, await server.consoleLink(other));
          await page.goto(`${server.url}/#/access/sessions?userId=${other}`);
          await named.waitFor();
          const download = page.waitForEvent("download");
          await page.getByRole("button", { name: /^Actions: session #/ }).waitFor();
          await page.getByRole("button", { name: "Export CSV" }).press("Enter");
          const lines = (await readFile(await (await download).path(), "utf8")).split("\r\n");
          assert.equal(lines[0], "\uFEFFid,thisBrowser,signedIn,lastUsed,lastUsedFrom,ends");
          assert.match(lines[1] ?? "", /^\d+,false,20\d\d-.*Z,.*,20\d\d-.*Z$/);
          await choose(page, /^Actions: session #/, "Sign out…");
          await page.getByRole("alertdialog").getByRole("button", { name: "Sign out", exact: true }).press("Enter");
          await page.getByText(/has been signed out/).waitFor();
          await elsewhere.reload();
          await signIn(elsewhere).waitFor();
        });
        await page.reload();
        await account(page).waitFor();
      },
      width,
      scheme,
    ));
}
