// The explorer's pages about a user, a cluster, Stripe and the server, at three widths and in both themes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { billed } from "../support/billed.ts";
import { browser } from "../support/browser.ts";
import { choose, explorer, signIn } from "../support/explorer.ts";
import { confirm, dimmed, heading, person, region, row, said, tabTo, wellMade } from "../support/things.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const stripe = await billed({ BACKUP_EVERY: "1h" });
const { server } = stripe;
const adminToken = await server.adminToken();
const admin = createClient({ url: server.url, token: adminToken });
const explore = explorer(await browser(), server);

const WIDTHS = [360, 1280, 1920];

/** Opens a page as an admin; in the dark theme at 1280 pixels. */
const open = (width: number, hash: string, visit: (page: Page) => Promise<void>) =>
  explore(
    width,
    "/",
    async (page) => {
      await signIn(page, adminToken);
      await page.goto(`${server.url}/${hash}`);
      await visit(page);
    },
    { colorScheme: width === 1280 ? "dark" : "light" },
  );

test("who pays is deleted from the list, after a warning", async () => {
  const user = await person(server, "pages_list_payer");
  await stripe.subscribe("pages_list_payer");
  await open(1280, "#/dashboard/users?search=pages_list_payer", async (page) => {
    await choose(page, /^Actions: Name of pages_list_payer/, "Soft-delete…");
    const dialog = page.getByRole("alertdialog");
    assert.match(await dialog.innerText(), /A paid subscription is running/);
    await dialog.getByRole("button", { name: "Soft-delete the account" }).press("Enter");
    await said(page, /The account of .* has been deleted/).waitFor();
    await assert.rejects(user.user.me(), { code: "UNAUTHORIZED" });
  });
});

for (const width of WIDTHS) {
  test(`${width} px: a user's page shows an account, and an admin changes it`, async () => {
    const id = `pages_user_${width}`;
    const user = await person(server, id, undefined, { email: `${id}@example.com` });
    await stripe.subscribe(id);
    const first = await user.k8s.create({ name: "first", location: "eu" });
    await user.token.create({ name: "deploy", scope: "read" });
    await open(width, `#/user/${id}`, async (page) => {
      await heading(page, `Name of ${id}`).waitFor();
      assert.match(await page.title(), new RegExp(`^Name of ${id} – clusterdesk$`));
      const profile = await region(page, "Profile").innerText();
      const facts = [`Name of ${id}`, `${id}@example.com`, id, "USER", "now|ago"];
      for (const fact of facts) assert.match(profile, new RegExp(`\\b(${fact})\\b`));
      const plan = region(page, "Plan and payments");
      await plan.getByText("active").waitFor();
      assert.match(await plan.innerText(), /May use\s+PRO\s+Customer\s+PRO paying\s[\s\S]*Paid until\s+in 29 days/);
      const link = plan.getByRole("link", { name: /^Open the customer/ });
      assert.equal(await link.getAttribute("href"), `https://dashboard.stripe.com/test/customers/cus_${id}`);
      assert.match(await plan.innerText(), /paid for/);
      await row(page, "Tokens", "deploy").waitFor();
      await row(page, "Changes", "k8s.create").waitFor();
      await wellMade(page, `pages-user-${width}`);

      await region(page, "Profile").getByRole("button", { name: "Copy the user's id" }).click();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), id);

      await confirm(page, /^Delete first/, "Delete the cluster", /Its owner loses it at once\. It can be restored/);
      await said(page, /first\u2069 #\d+ has been deleted/).waitFor();
      await row(page, "Clusters", "DELETED").waitFor();
      await confirm(
        page,
        /^Restore first/,
        "Restore the cluster",
        /has it again: STOPPED if it ever ran, else PENDING/,
      );
      await said(page, /has been restored/).waitFor();
      assert.equal((await user.k8s.get({ id: first.id })).status, "PENDING");

      await confirm(page, /^Ask Stripe/, "Ask Stripe", /A state that is newer than the one here is applied/);
      await said(page, /sub_pages_user_\d+: (changed|unchanged)/).waitFor();

      await confirm(page, /^Make admin/, "Make admin", /An admin sees and changes everything/);
      await said(page, /is ADMIN now/).waitFor();
      await confirm(page, /^Make user/, "Make user", /keep their account and their clusters, and lose access/);
      await said(page, /is USER now/).waitFor();

      await page.getByRole("button", { name: /^Soft-delete/ }).click();
      const dialog = page.getByRole("alertdialog");
      assert.match(await dialog.innerText(), /A paid subscription is running[\s\S]*cluster \d+: first/);
      await accessible(page, "the question before a deletion");
      await dialog.getByRole("button", { name: "Cancel" }).click();
      await confirm(
        page,
        /^Soft-delete/,
        "Soft-delete the account",
        /customer record is kept[\s\S]*can't be undone here/,
      );
      await said(page, /has been deleted/).waitFor();
      await heading(page, new RegExp(`^${id}$`)).waitFor();
      assert.match(await region(page, "Profile").innerText(), /Deleted\s+now/);
      await row(page, "Entries", "user.softDelete").waitFor();
      await confirm(
        page,
        /^Delete for good/,
        "Delete for good",
        /can't sign up with this id again\. This can't be undone/,
      );
      await page.getByText("There is no user with this id").waitFor();
      await row(page, "Entries", "user.delete").waitFor();
      await wellMade(page, `pages-user-gone-${width}`);
    });
  });

  test(`${width} px: a cluster's page shows its steps and its history as they happen`, async () => {
    const id = `pages_owner_${width}`;
    const user = await person(server, id);
    const cluster = (await user.k8s.create({ name: "web", location: "eu" })).id;
    await open(width, `#/cluster/${cluster}`, async (page) => {
      await heading(page, "web").waitFor();
      const steps = page.getByRole("list", { name: "Status" });
      const current = steps.locator("[aria-current=step]");
      assert.match(await current.innerText(), /^PENDING/);
      await region(page, "Owner")
        .getByRole("link", { name: `Name of ${id}` })
        .waitFor();
      await confirm(page, "Set CREATING: web", "Set CREATING", /CREATING: .*Its owner sees that at once/);
      await said(page, /is CREATING now/).waitFor();
      await until(async () => /^CREATING/.test(await current.innerText()), "the step");
      // Somebody else goes on, and the page follows without being dimmed.
      await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
      const seen = await dimmed(page);
      for (const status of ["INITING", "RUNNING", "STOPPED"] as const)
        await admin.k8s.setStatus({ id: cluster, status });
      await until(async () => /^STOPPED/.test(await current.innerText()), "the last step");
      assert.deepEqual(await seen.jsonValue(), []);
      assert.equal(await steps.locator(".done").count(), 4);
      await row(page, "Events", "RUNNING").waitFor();
      await row(page, "Entries", "k8s.setStatus").first().waitFor();
      await wellMade(page, `pages-cluster-${width}`);

      await confirm(page, /^Delete web/, "Delete the cluster", /no other cluster of theirs is active on FREE/);
      await said(page, /has been deleted/).waitFor();
      await until(async () => /^DELETED/.test(await current.innerText()), "the deletion");
      await page.getByText("After it is restored it is STOPPED").waitFor();
      await wellMade(page, `pages-cluster-deleted-${width}`);
      await confirm(page, /^Restore web/, "Restore the cluster", /Their subscription must cover FREE/);
      await until(async () => /^STOPPED/.test(await current.innerText()), "the restoration");
      await region(page, "Owner")
        .getByRole("link", { name: `Name of ${id}` })
        .click();
      await heading(page, `Name of ${id}`).waitFor();
      await row(page, "Clusters", "web").getByRole("link", { name: "web" }).click();
      await heading(page, "web").waitFor();
    });
  });

  test(`${width} px: a user's clusters are newest first, or oldest`, async () => {
    const id = `pages_sorted_${width}`;
    const user = await person(server, id);
    await stripe.subscribe(id);
    await user.k8s.create({ name: "older", location: "eu" });
    await user.k8s.create({ name: "newer", location: "eu", plan: "PRO" });
    await open(width, `#/user/${id}`, async (page) => {
      const names = () => region(page, "Clusters").locator("tbody a").allInnerTexts();
      const head = region(page, "Clusters").getByRole("columnheader", { name: "Created" });
      await until(async () => (await names()).join() === "newer,older", "the newest first");
      assert.equal(await head.getAttribute("aria-sort"), "descending");
      const sort = region(page, "Clusters").getByRole("button", { name: "Created", exact: true });
      await sort.press("Enter");
      await until(async () => (await names()).join() === "older,newer", "the oldest first");
      assert.equal(await head.getAttribute("aria-sort"), "ascending");
      assert.equal(await sort.evaluate((one) => one === document.activeElement), true);
      // What is under the bar at the top has no size for axe.
      await page.evaluate(() => scrollTo(0, 0));
      await accessible(page, "sorted clusters");
      // It stays so when something changes.
      await user.k8s.update({ id: (await user.k8s.list())[0]!.id, name: "oldest" });
      await until(async () => (await names()).join() === "oldest,newer", "the new name, in the same order");
      await region(page, "What they did").getByRole("button", { name: "When" }).press("Enter");
      const changes = page.getByRole("table", { name: "Changes" }).locator("tbody tr");
      await until(async () => /updateName/.test(await changes.first().innerText()), "the first change first");
    });
  });

  test(`${width} px: Stripe's events are listed with reasons, and replayed`, async () => {
    await person(server, `pages_payer_${width}`);
    const id = await stripe.failing(`pages_payer_${width}`);
    await open(width, "#/dashboard/stripe", async (page) => {
      const failed = row(page, "Events", id);
      await failed.getByText("price_unknown").waitFor();
      assert.match(await region(page, "Account").innerText(), /failed events? waits? for a replay/);
      await region(page, "Account")
        .getByRole("img", { name: /^Failed on arrival in 30 days: from \d+ to \d+, at most \d+$/ })
        .waitFor();
      assert.match(await region(page, "Reconcile").innerText(), /clusterdesk webhooks reconcile --dry-run/);
      await wellMade(page, `pages-stripe-${width}`);
      await choose(page, `Actions: event ${id}`, "Replay…");
      const dialog = page.getByRole("alertdialog");
      assert.match(await dialog.innerText(), /processed once more, as if Stripe had just sent it/);
      await dialog.getByRole("button", { name: "Replay" }).press("Enter");
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
      for (const [part, picture] of [
        ["Server", /^Failed on arrival in 30 days: from/],
        ["Last hour", /^Calls by the minute: from/],
        ["Last hour", /^Errors by the minute: from/],
      ] as const) {
        await region(page, part).getByRole("img", { name: picture }).waitFor();
      }
      await page.getByRole("button", { name: "Check again" }).press("Enter");
      await wellMade(page, `pages-health-${width}`);

      // No server of the tests has these problems.
      await page.route("**/", async (route) => {
        if (!route.request().postData()?.includes("admin.health")) return route.continue();
        const response = await route.fetch();
        const answer = await response.json();
        const [problem] = answer.result.findings.splice(1, 1);
        answer.result.findings.push({ ...problem, ok: false, detail: "a problem of the test" });
        await route.fulfill({
          response,
          json: { ...answer, result: { ...answer.result, replica: "behind", queue: { reads: 3, writes: 14 } } },
        });
      });
      await page.getByRole("button", { name: "Check again" }).press("Enter");
      await checks.getByText(/^1 of \d+ checks found a problem\.$/).waitFor();
      const first = results.getByRole("listitem").first();
      assert.match(await first.innerText(), /^problem\s[\s\S]*a problem of the test/);
      assert.match((await first.locator(".badge").getAttribute("class")) ?? "", /red/);
      assert.match(await region(page, "Replica").innerText(), /behind/);
      assert.match(await region(page, "Waiting").innerText(), /Reads\s+3\s+Writes\s+14/);
      await wellMade(page, `pages-health-problem-${width}`);
    }));
}

test("a user's page follows what others do, and its button changes nothing but what it shows", async () => {
  const user = await person(server, "pages_followed");
  await open(1280, "#/user/pages_followed", async (page) => {
    const role = region(page, "Profile").locator(".badge");
    await role.filter({ hasText: "USER" }).waitFor();
    const { id } = await user.k8s.create({ name: "followed", location: "eu" });
    await row(page, "Clusters", "followed").waitFor();
    await admin.k8s.setStatus({ id, status: "CREATING" });
    await row(page, "Clusters", "CREATING").waitFor();
    await admin.admin.setRole({ userId: "pages_followed", role: "ADMIN" });
    await role.filter({ hasText: "ADMIN" }).waitFor();
    await page.getByRole("button", { name: /^Make user/ }).click();
    await admin.admin.setRole({ userId: "pages_followed", role: "USER" });
    await role.filter({ hasText: "USER" }).waitFor();
    await page.getByRole("alertdialog").getByRole("button", { name: "Make user" }).click();
    await said(page, /This has changed since it was shown/).waitFor();
    const { items } = await admin.admin.auditLog({ procedure: "admin.setRole", entityId: "pages_followed" });
    assert.equal(items.length, 2);
  });
});

for (const place of ["cluster", "user"] as const) {
  test(`a question on the page of a ${place} about a cluster that has changed meanwhile changes nothing`, async () => {
    const user = await person(server, `pages_stale_${place}`);
    const { id } = await user.k8s.create({ name: "stale", location: "eu" });
    const hash = place === "cluster" ? `#/cluster/${id}` : `#/user/pages_stale_${place}`;
    await open(1280, hash, async (page) => {
      await page.getByRole("button", { name: /^Delete stale/ }).click();
      await user.k8s.update({ id, name: "changed" });
      await page.getByRole("button", { name: /^Delete changed/, includeHidden: true }).waitFor({ state: "attached" });
      await page.getByRole("alertdialog").getByRole("button", { name: "Delete the cluster" }).click();
      await said(page, /This has changed since it was shown/).waitFor();
      assert.equal((await admin.admin.getCluster({ id })).cluster.deletedAt, null);
      await page.getByRole("button", { name: /^Delete changed/ }).click();
      await page.getByRole("alertdialog").getByRole("button", { name: "Delete the cluster" }).click();
      await said(page, /has been deleted/).waitFor();
    });
  });
}

test("a live user who owes an invoice is deleted for good as the dialog shows them", async () => {
  const user = await person(server, "pages_debtor");
  await stripe.subscribe("pages_debtor", "past_due");
  const { id } = await user.k8s.create({ name: "web", location: "eu" });
  await open(1280, "#/user/pages_debtor", async (page) => {
    const due = region(page, "Plan and payments").getByText("payment due", { exact: true });
    await due.waitFor();
    assert.match((await due.getAttribute("class")) ?? "", /amber/);
    const dialog = page.getByRole("alertdialog");
    const shown = dialog.getByRole("group", { name: "User id and active clusters" });
    const ask = () => page.getByRole("button", { name: /^Delete for good/ }).click();
    const answer = () => dialog.getByRole("button", { name: "Delete for good" }).click();
    await ask();
    assert.equal(await shown.innerText(), `pages_debtor\ncluster ${id}: web`);
    await user.k8s.update({ id, name: "shop" });
    await answer();
    await said(page, /This has changed since it was shown/).waitFor();
    await user.user.me();
    await ask();
    assert.equal(await shown.innerText(), `pages_debtor\ncluster ${id}: shop`);
    await answer();
    await page.getByText("There is no user with this id").waitFor();
    await assert.rejects(user.user.me(), { code: "UNAUTHORIZED" });
    assert.equal((await admin.admin.getCluster({ id })).cluster.authUserId, null);
  });
});

test("an event about somebody who comes later is replayed, by keyboard alone", async () => {
  await stripe.subscribe("pages_late");
  await open(1280, "#/dashboard/stripe", async (page) => {
    const id = "evt_begun_pages_late";
    await row(page, "Events", id).getByText("failed", { exact: true }).waitFor();
    const failed = async () => Number(/(\d+) failed/.exec(await region(page, "Account").innerText())?.[1] ?? 0);
    const before = await failed();
    assert.ok(before > 0);
    await person(server, "pages_late");
    await tabTo(page, `Actions: event ${id}`);
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name: "Replay…" }).waitFor();
    await page.keyboard.press("Enter");
    await tabTo(page, "Replay");
    await page.keyboard.press("Enter");
    await said(page, /evt_begun_pages_late has been processed/).waitFor();
    await row(page, "Events", id).getByText("processed", { exact: true }).waitFor();
    await until(async () => (await failed()) === before - 1, "one failed event less");
    await wellMade(page, "pages-stripe-replayed");
    await region(page, "Account").getByRole("link", { name: "Show" }).press("Enter");
    await page.waitForURL(/failed=true$/);
    const states = () => page.getByRole("table", { name: "Events" }).locator("tbody .badge").allInnerTexts();
    await until(async () => [...new Set(await states())].join() === "failed", "the failed events");
  });
});

test("1920 px: panels, tables and charts use the width, and lines of text stay short", async () => {
  await person(server, "pages_wide");
  const { id } = await createClient({ url: server.url, token: token("pages_wide") }).k8s.create({
    name: "wide",
    location: "eu",
  });
  const places = [
    "user/pages_wide",
    `cluster/${id}`,
    ...["stats", "traffic", "stripe", "health"].map((tab) => `dashboard/${tab}`),
  ];
  await open(1920, "#/", async (page) => {
    for (const place of places) {
      await page.goto(`${server.url}/#/${place}`);
      const wide = page.getByRole("main").locator(".thing, .charts").first();
      await wide.locator("section, figure").first().waitFor();
      assert.ok((await wide.boundingBox())!.width > 1500, place);
      const lines = await page
        .getByRole("main")
        .locator("p")
        .evaluateAll((all) =>
          all.flatMap((one) => {
            const range = document.createRange();
            range.selectNodeContents(one);
            return [...range.getClientRects()].map(({ width }) => width);
          }),
        );
      assert.ok(Math.max(0, ...lines) < 700, `${place}: a line of ${Math.max(...lines)} px`);
    }
  });
});
