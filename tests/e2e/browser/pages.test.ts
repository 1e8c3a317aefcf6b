// The explorer's pages about a user, a cluster, Stripe and the server, at three widths, in both themes, and by keyboard.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { billed } from "../support/billed.ts";
import { browser, screenshot } from "../support/browser.ts";
import { explorer, overflow, signIn } from "../support/explorer.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const stripe = await billed({ BACKUP_EVERY: "1h" });
const { server } = stripe;
const adminToken = await server.adminToken();
const admin = createClient({ url: server.url, token: adminToken });
const explore = explorer(await browser(), server);

const WIDTHS = [360, 1280, 1920];
/** Names that would do harm if they were taken for markup, or for more than a name. */
const HOSTILE = {
  markup: `<img src=x onerror="document.title='pwned'">`,
  rightToLeft: "\u202eאבג<b>",
  fourBytes: "𝔄𝔡𝔞 👩‍🚀 🇳🇴",
  long: "Wolfeschlegelsteinhausenbergerdorff-".repeat(2),
};

/** A user who has signed in, and a client of theirs. */
async function person(id: string, name = `Name of ${id}`) {
  const client = createClient({ url: server.url, token: token(id) });
  await client.user.updateName({ name });
  return client;
}

/** Opens a page as an admin. */
const open = (width: number, hash: string, visit: (page: Page) => Promise<void>, as = adminToken) =>
  explore(width, "/", async (page) => {
    await signIn(page, as);
    await page.goto(`${server.url}/${hash}`);
    await visit(page);
  });

const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { level: 1, name });
const region = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
const row = (page: Page, table: string, text: string) =>
  page.getByRole("table", { name: table }).getByRole("row").filter({ hasText: text });
const said = (page: Page, text: RegExp) => page.getByRole("status").filter({ hasText: text });

async function wellMade(page: Page, name: string): Promise<void> {
  await page.getByText("Loading…").first().waitFor({ state: "hidden" });
  await accessible(page, name);
  await screenshot(page, name);
  assert.equal(await overflow(page), 0, name);
}

/** Presses a button and confirms what is asked. */
async function confirm(page: Page, button: string | RegExp, answer: string): Promise<void> {
  await page.getByRole("button", { name: button }).first().click();
  const dialog = page.getByRole("alertdialog");
  await dialog.getByRole("button", { name: answer, exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
}

for (const width of WIDTHS) {
  test(`${width} px: a user's page shows an account, and an admin changes it`, async () => {
    const id = `pages_user_${width}`;
    const user = await person(id);
    await stripe.subscribe(id);
    const first = await user.k8s.create({ name: "first", location: "eu" });
    await user.token.create({ name: "deploy", scope: "read" });
    await open(width, `#/user/${id}`, async (page) => {
      await heading(page, `Name of ${id}`).waitFor();
      assert.match(await page.title(), new RegExp(`^Name of ${id} – clusterdesk$`));
      const plan = region(page, "Plan and payments");
      await plan.getByText("active").waitFor();
      const link = plan.getByRole("link", { name: /^Open the customer/ });
      assert.equal(await link.getAttribute("href"), `https://dashboard.stripe.com/test/customers/cus_${id}`);
      assert.match(await plan.innerText(), /paid for/);
      await row(page, "Tokens", "deploy").waitFor();
      await row(page, "Changes", "k8s.create").waitFor();
      await wellMade(page, `pages-user-${width}`);

      await region(page, "Profile").getByRole("button", { name: "Copy the user's id" }).click();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), id);

      await confirm(page, /^Delete first/, "Delete the cluster");
      await said(page, /first #\d+ has been deleted/).waitFor();
      await row(page, "Clusters", "DELETED").waitFor();
      await confirm(page, /^Restore first/, "Restore the cluster");
      await said(page, /has been restored/).waitFor();
      assert.equal((await user.k8s.get({ id: first.id })).status, "PENDING");

      await confirm(page, /^Ask Stripe/, "Ask Stripe");
      await said(page, /sub_pages_user_\d+: (changed|unchanged)/).waitFor();

      await confirm(page, /^Make admin/, "Make admin");
      await said(page, /is ADMIN now/).waitFor();
      await confirm(page, /^Make user/, "Make user");
      await said(page, /is USER now/).waitFor();

      await page.getByRole("button", { name: /^Soft-delete/ }).click();
      const dialog = page.getByRole("alertdialog");
      assert.match(await dialog.innerText(), /A paid subscription is running[\s\S]*cluster \d+: first/);
      await accessible(page, "the question before a deletion");
      await dialog.getByRole("button", { name: "Cancel" }).click();
      await confirm(page, /^Soft-delete/, "Soft-delete the account");
      await said(page, /has been deleted/).waitFor();
      await heading(page, id).waitFor();
      await row(page, "Entries", "user.softDelete").waitFor();
      await confirm(page, /^Delete for good/, "Delete for good");
      await page.getByText("There is no user with this id").waitFor();
      await row(page, "Entries", "user.delete").waitFor();
      await wellMade(page, `pages-user-gone-${width}`);
    });
  });

  test(`${width} px: a cluster's page shows its steps and its history as they happen`, async () => {
    const id = `pages_owner_${width}`;
    const user = await person(id);
    const cluster = (await user.k8s.create({ name: "web", location: "eu" })).id;
    await open(width, `#/cluster/${cluster}`, async (page) => {
      await heading(page, "web").waitFor();
      const steps = page.getByRole("list", { name: "Status" });
      const current = steps.locator("[aria-current=step]");
      assert.match(await current.innerText(), /^PENDING/);
      await region(page, "Owner")
        .getByRole("link", { name: `Name of ${id}` })
        .waitFor();
      await confirm(page, "Set CREATING: web", "Set CREATING");
      await said(page, /is CREATING now/).waitFor();
      await until(async () => /^CREATING/.test(await current.innerText()), "the step");
      // Somebody else goes on.
      for (const status of ["INITING", "RUNNING", "STOPPED"] as const)
        await admin.k8s.setStatus({ id: cluster, status });
      await until(async () => /^STOPPED/.test(await current.innerText()), "the last step");
      assert.equal(await steps.locator(".done").count(), 4);
      await row(page, "Events", "RUNNING").waitFor();
      await row(page, "Entries", "k8s.setStatus").first().waitFor();
      await wellMade(page, `pages-cluster-${width}`);

      await confirm(page, /^Delete web/, "Delete the cluster");
      await said(page, /has been deleted/).waitFor();
      await until(async () => /^DELETED/.test(await current.innerText()), "the deletion");
      await page.getByText("After it is restored it is STOPPED").waitFor();
      await wellMade(page, `pages-cluster-deleted-${width}`);
      await confirm(page, /^Restore web/, "Restore the cluster");
      await until(async () => /^STOPPED/.test(await current.innerText()), "the restoration");
      await region(page, "Owner")
        .getByRole("link", { name: `Name of ${id}` })
        .click();
      await heading(page, `Name of ${id}`).waitFor();
      await row(page, "Clusters", "web").getByRole("link", { name: "web" }).click();
      await heading(page, "web").waitFor();
    });
  });

  test(`${width} px: Stripe's events are listed with reasons, and replayed`, async () => {
    await person(`pages_payer_${width}`);
    const id = await stripe.failing(`pages_payer_${width}`);
    await open(width, "#/dashboard/stripe", async (page) => {
      const failed = row(page, "Events", id);
      await failed.getByText("price_unknown").waitFor();
      assert.match(await region(page, "Account").innerText(), /failed events? waits? for a replay/);
      assert.match(await region(page, "Reconcile").innerText(), /clusterdesk webhooks reconcile --dry-run/);
      await wellMade(page, `pages-stripe-${width}`);
      await confirm(page, `Replay ${id}`, "Replay");
      await said(page, /failed again/).waitFor();
      await failed.getByText("failed", { exact: true }).waitFor();
    });
  });

  test(`${width} px: the server's health`, async () =>
    open(width, "#/dashboard/health", async (page) => {
      const checks = region(page, "Checks");
      await checks.getByText(/^All \d+ checks passed/).waitFor();
      const results = checks.getByRole("list", { name: "Results" });
      assert.match(await results.innerText(), /database[\s\S]*writes[\s\S]*migrations[\s\S]*backups/);
      assert.match(await region(page, "Database").innerText(), /SQLite[\s\S]*ms[\s\S]*at 20/);
      await region(page, "Backups").getByText("1 hour").waitFor();
      await page.getByRole("button", { name: "Check again" }).press("Enter");
      await wellMade(page, `pages-health-${width}`);
    }));

  test(`${width} px: names are shown as they are, and nothing else`, async () => {
    for (const [kind, name] of Object.entries(HOSTILE)) {
      const id = `pages|${kind}/${width}?#%20`;
      const user = await person(id, name);
      const cluster = (await user.k8s.create({ name: "web", location: `<i>${kind}` })).id;
      await user.token.create({ name, scope: "read" });
      await open(width, `#/user/${encodeURIComponent(id)}`, async (page) => {
        await heading(page, name.trim()).waitFor();
        await row(page, "Tokens", "read").waitFor();
        assert.equal(await page.getByRole("main").locator("img, b, i").count(), 0);
        await wellMade(page, `pages-user-${kind}-${width}`);
        await page.getByRole("button", { name: /^Delete for good/ }).click();
        await accessible(page, "a question about a hostile name");
        await page.getByRole("alertdialog").getByRole("button", { name: "Cancel" }).click();
        await page.goto(`${server.url}/#/cluster/${cluster}`);
        await region(page, "Owner")
          .getByRole("link")
          .filter({ hasText: name.slice(0, 4) })
          .click();
        await heading(page, name.trim()).waitFor();
        assert.doesNotMatch(await page.title(), /^pwned/);
      });
    }
  });
}

test("by keyboard alone a cluster is found, deleted and restored", async () => {
  const user = await person("pages_keys");
  const { id } = await user.k8s.create({ name: "keys", location: "eu" });
  await open(1280, "#/user/pages_keys", async (page) => {
    await row(page, "Clusters", "keys").waitFor();
    await tabTo(page, "keys");
    await page.keyboard.press("Enter");
    await heading(page, "keys").waitFor();
    await region(page, "Status").waitFor();
    await tabTo(page, `Delete keys #${id}`);
    await page.keyboard.press("Enter");
    // Enter on what has the focus first changes nothing.
    await page.getByRole("alertdialog").waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("alertdialog").waitFor({ state: "hidden" });
    assert.equal((await user.k8s.count()).active, 1);
    await tabTo(page, `Delete keys #${id}`);
    await page.keyboard.press("Enter");
    await tabTo(page, "Delete the cluster");
    await page.keyboard.press("Enter");
    await said(page, /has been deleted/).waitFor();
    assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ""), /has been deleted/);
    await tabTo(page, `Restore keys #${id}`);
    await page.keyboard.press("Enter");
    await tabTo(page, "Restore the cluster");
    await page.keyboard.press("Enter");
    await said(page, /has been restored/).waitFor();
    assert.equal((await user.k8s.count()).active, 1);
  });
});

test("longer lists come page by page, and the focus stays in them", async () => {
  const user = await person("pages_long");
  const { id } = await user.k8s.create({ name: "long", location: "eu" });
  for (let number = 0; number < 24; number += 1) await user.k8s.update({ id, name: `long-${number}` });
  await open(1280, `#/cluster/${id}`, async (page) => {
    const rows = page.getByRole("table", { name: "Events" }).getByRole("row");
    await until(async () => (await rows.count()) === 11, "the first page");
    await page.getByRole("button", { name: "More events" }).press("Enter");
    await until(async () => (await rows.count()) === 26, "all events");
    assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ""), /long-/);
  });
});

test("only admins see the pages, and what is unknown is said to be", async () => {
  await person("pages_nobody");
  for (const hash of ["#/user/pages_nobody", "#/cluster/1", "#/dashboard/health", "#/dashboard/stripe"]) {
    await open(
      1280,
      hash,
      async (page) => {
        await page.getByText(/is for admins\. You are signed in as a user\./).waitFor();
        await accessible(page, `${hash} for a user`);
      },
      token("pages_nobody"),
    );
  }
  await open(1280, "#/cluster/999999", async (page) => {
    await page.getByText("There is no cluster with the number 999999").waitFor();
    await accessible(page, "an unknown cluster");
    await page.goto(`${server.url}/#/cluster/1e3`);
    await page.getByText("There is no cluster with the number 1e3").waitFor();
    await page.goto(`${server.url}/#/user/nobody`);
    await page.getByText("There is no user with this id").waitFor();
    await accessible(page, "an unknown user");
  });
});

test("whoever acts on their own account is told so", async () => {
  await person("pages_self");
  await admin.admin.setRole({ userId: "pages_self", role: "ADMIN" });
  await open(
    1280,
    "#/user/pages_self",
    async (page) => {
      await heading(page, "Name of pages_self").waitFor();
      for (const [button, warning] of [
        [/^Soft-delete/, /This is your own account: you are signed out at once/],
        [/^Delete for good/, /This is your own account: you are signed out at once/],
        [/^Make user/, /This is your own account: you lose your rights at once/],
      ] as const) {
        await page.getByRole("button", { name: button }).click();
        const dialog = page.getByRole("alertdialog");
        assert.match(await dialog.innerText(), warning);
        await dialog.getByRole("button", { name: "Cancel" }).click();
      }
      await confirm(page, /^Make user/, "Make user");
      await page.getByText("This page is for admins. You are signed in as a user.").waitFor();
    },
    token("pages_self"),
  );
});

/** Presses Tab until something with this name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  const focused = () =>
    page.evaluate(() => {
      const { activeElement: element } = document;
      return element?.getAttribute("aria-label") ?? element?.textContent ?? "";
    });
  for (let presses = 0; presses < 200; presses += 1) {
    await page.keyboard.press("Tab");
    if ((await focused()) === name) return;
  }
  throw new Error(`Tab does not lead to ${name}`);
}
