// Tokens, sessions, stats, traffic and health stay current: by the audit log where a change is in it, else while somebody looks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { settled } from "../support/axe.ts";
import { billed } from "../support/billed.ts";
import { browser } from "../support/browser.ts";
import { choose, explorer, signIn } from "../support/explorer.ts";
import { dialog, LOOKS } from "../support/lists.ts";
import { dimmed, person, region, row } from "../support/things.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const stripe = await billed({});
const { server } = stripe;
const adminToken = await server.adminToken();
const admin = createClient({ url: server.url, token: adminToken });
const explore = explorer(await browser(), server);

const HALF_A_MINUTE = 30_000;
/** More than the page gathers reasons for. */
const SOON = 200;

interface Looks {
  as?: string;
  width?: number;
  colorScheme?: "light" | "dark";
  /** Whether the page's clock only goes on when it is told to. */
  isPaused?: boolean;
}

/** Opens a tab, by default as an admin. */
const open = (hash: string, visit: (page: Page) => Promise<void>, looks: Looks = {}) =>
  explore(
    looks.width ?? 1280,
    "/",
    async (page) => {
      if (looks.isPaused) await page.clock.install();
      await signIn(page, looks.as ?? adminToken);
      await page.goto(`${server.url}/${hash}`);
      await page.getByText("Loading…").first().waitFor({ state: "hidden" });
      if (looks.isPaused) await page.clock.pauseAt(Date.now() + 10_000);
      await visit(page);
    },
    { colorScheme: looks.colorScheme ?? "light" },
  );

/** Signs a browser of a user in. */
async function openSession(user: string): Promise<void> {
  const link = await server.consoleLink(user);
  const headers = { "content-type": "application/json", origin: server.url };
  const body = JSON.stringify({ link: link.split("#")[1] });
  assert.equal((await fetch(`${server.url}/sign-in`, { method: "POST", headers, body })).status, 200);
}

for (const [width, colorScheme] of LOOKS) {
  test(`${width} px: an admin sees tokens and sessions come and go, and acts on none that has changed`, async () => {
    const id = `tabs_owner_${width}`;
    const user = await person(server, id);
    await openSession(id);
    await user.token.create({ name: "first", scope: "read" });
    await open(
      `#/access/tokens?userId=${id}`,
      async (page) => {
        const tokens = (name: string) => row(page, "Tokens", name);
        await tokens("first").waitFor();
        const made = await user.token.create({ name: "second", scope: "read" });
        await tokens("second").waitFor();
        await choose(page, /^Actions: second/, "Revoke…");
        await user.token.revoke({ id: made.id });
        await tokens("second").getByText("revoked").waitFor();
        await dialog(page).getByRole("button", { name: "Revoke the token" }).press("Enter");
        await page.getByText("This has changed since it was shown. Look at it again.").waitFor();
        assert.equal(await page.getByRole("button", { name: /^Actions: second/ }).count(), 0);

        await page.goto(`${server.url}/#/access/sessions?userId=${id}`);
        const sessions = page.getByRole("table", { name: "Sessions" }).locator("tbody tr");
        await until(async () => (await sessions.count()) === 1, "one session");
        await openSession(id);
        await until(async () => (await sessions.count()) === 2, "another session");
        const newest = (await admin.session.list({ userId: id }))[0]!.id;
        await choose(page, `Actions: session #${newest}`, "Sign out…");
        await admin.session.revoke({ id: newest, userId: id });
        await until(async () => (await sessions.count()) === 1, "one session left");
        await dialog(page).getByRole("button", { name: "Sign out" }).press("Enter");
        await page.getByText("This has changed since it was shown. Look at it again.").waitFor();
        await user.session.revokeAll({});
        await page.getByText("No sessions match.").waitFor();
      },
      { width, colorScheme },
    );
  });
}

test("a user, whom nobody tells of changes, sees them while they look", async () => {
  const user = await person(server, "tabs_user");
  await user.token.create({ name: "first", scope: "read" });
  await open(
    "#/access/tokens",
    async (page) => {
      await row(page, "Tokens", "first").waitFor();
      const seen = await dimmed(page);
      await user.token.create({ name: "second", scope: "read" });
      await page.clock.runFor(HALF_A_MINUTE + SOON);
      await row(page, "Tokens", "second").waitFor();
      assert.deepEqual(await seen.jsonValue(), []);
      await page.goto(`${server.url}/#/access/sessions`);
      await page.getByText("No sessions match.").waitFor();
      await openSession("tabs_user");
      await page.clock.runFor(HALF_A_MINUTE + SOON);
      await row(page, "Sessions", "#").waitFor();
    },
    { as: token("tabs_user"), isPaused: true },
  );
});

test("the numbers and the latest changes of the stats follow the audit log, and keep the focus", async () => {
  const user = await person(server, "tabs_stats");
  await open("#/dashboard/stats", async (page) => {
    const changes = region(page, "Latest changes").getByRole("listitem");
    await changes.first().waitFor();
    // The charts are loaded, too.
    await settled(page);
    const seen = await dimmed(page);
    const card = page.getByRole("main").locator(".stat").filter({ hasText: "Active clusters" });
    const before = Number(await card.locator("dd").first().innerText());
    const link = card.getByRole("link", { name: "Active clusters" });
    await link.focus();
    // The connection may still be on its way: what happens before is not announced.
    await until(async () => {
      await user.k8s.create({ name: "counted", location: "eu" }).catch(() => {});
      await user.user.updateName({ name: `Changed ${Date.now()}` });
      return /user\.updateName/.test(await changes.first().innerText());
    }, "the change");
    await until(async () => Number(await card.locator("dd").first().innerText()) === before + 1, "the new number");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Active clusters");
    assert.deepEqual(await seen.jsonValue(), []);
  });
});

test("charts come anew while somebody looks, but not one that is being read", () =>
  open(
    "#/dashboard/stats",
    async (page) => {
      const words = async (name: string) =>
        Number(
          /: ([\d,]+)$/.exec(
            (await page.getByRole("slider", { name, exact: true }).getAttribute("aria-valuetext")) ?? "",
          )?.[1],
        );
      await page.getByRole("slider", { name: "Sign-ups", exact: true }).waitFor();
      const [signUps, changes] = [await words("Sign-ups"), await words("Changes")];
      await page.getByRole("slider", { name: "Changes", exact: true }).focus();
      await person(server, "tabs_charted");
      await page.clock.runFor(4 * HALF_A_MINUTE + SOON);
      await until(async () => (await words("Sign-ups")) === signUps + 1, "the new user");
      assert.equal(await words("Changes"), changes);
      await page.getByRole("button", { name: "Refresh" }).focus();
      await page.clock.runFor(4 * HALF_A_MINUTE + SOON);
      await until(async () => (await words("Changes")) > changes, "the new changes");
    },
    { isPaused: true },
  ));

test("traffic and health are looked at again while somebody sees them", async () => {
  await person(server, "tabs_health");
  await open(
    "#/dashboard/traffic",
    async (page) => {
      const greeted = row(page, "By procedure", "hello.hello");
      await row(page, "By procedure", "user.me").waitFor();
      assert.equal(await greeted.count(), 0);
      const seen = await dimmed(page);
      await createClient({ url: server.url, token: token("tabs_health") }).hello.hello({ text: "seen" });
      await page.clock.runFor(HALF_A_MINUTE + SOON);
      await greeted.waitFor();
      assert.deepEqual(await seen.jsonValue(), []);

      await page.goto(`${server.url}/#/dashboard/health`);
      await region(page, "Server").getByText("none failed").waitFor();
      await region(page, "Last hour")
        .getByRole("img", { name: /^Calls by the minute: from/ })
        .waitFor();
      await settled(page);
      const seenOfHealth = await dimmed(page);
      const link = region(page, "Removals").getByRole("link", { name: "Open in the audit log" });
      await link.focus();
      const element = await link.elementHandle();
      await stripe.failing("tabs_health");
      await page.clock.runFor(HALF_A_MINUTE + SOON);
      await region(page, "Server").getByText("1 failed").waitFor();
      await region(page, "Server")
        .getByRole("img", { name: /^Failed on arrival in 30 days: from 0 to 1/ })
        .waitFor();
      assert.equal(await element!.evaluate((one) => one === document.activeElement), true);
      assert.deepEqual(await seenOfHealth.jsonValue(), []);
    },
    { isPaused: true },
  );
});
