// The dashboard's lists: rows that change by themselves, and what is done with them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page, Route } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser } from "../support/browser.ts";
import { choose, explorer } from "../support/explorer.ts";
import { copied, dialog, LOOKS, menuHas, openTab, row, rows } from "../support/lists.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const adminToken = await server.adminToken();
const explore = explorer(await browser(), server);

const client = (user: string) => createClient({ url: server.url, token: token(user) });
const admin = createClient({ url: server.url, token: adminToken });
const open = (page: Page, tab: string) => openTab(page, adminToken, tab);

for (const [width, colorScheme] of LOOKS) {
  test(`${width} px: clusters change by themselves, and what has changed is not acted on`, () =>
    explore(
      width,
      "/",
      async (page) => {
        const name = `live-row-${width}`;
        const owner = client(`lists_owner_${width}`);
        const { id } = await owner.k8s.create({ name, location: "eu" });
        await open(page, "Clusters");
        await page.getByRole("link", { name }).waitFor();
        const about = `Actions: ${name} #${id}`;
        const copies = ["Copy id", "Copy the owner's id"];
        await menuHas(page, about, ["Set CREATING…", "History", ...copies, "Delete…"]);
        await choose(page, about, "Set CREATING…");
        assert.match(await dialog(page).innerText(), /There is no way back to PENDING[\s\S]*owner lists_owner/);
        assert.doesNotMatch(await dialog(page).innerText(), /your own/);
        await admin.k8s.setStatus({ id, status: "CREATING" });
        await until(async () => /CREATING/.test(await row(page, name).innerText()), "the new status");
        await dialog(page).getByRole("button", { name: "Set CREATING" }).press("Enter");
        await page.getByText("This has changed since it was shown. Look at it again.").waitFor();
        assert.equal((await owner.k8s.get({ id })).status, "CREATING");

        await choose(page, about, "Set INITING…");
        await dialog(page).getByRole("button", { name: "Set INITING" }).press("Enter");
        await page.getByText(`\u2068${name}\u2069 #${id} is INITING now.`).waitFor();
        await choose(page, about, "Delete…");
        await accessible(page, "the question before a deletion");
        await dialog(page).getByRole("button", { name: "Cancel" }).press("Enter");
        assert.equal((await owner.k8s.get({ id })).status, "INITING");
        await choose(page, about, "Delete…");
        await dialog(page).getByRole("button", { name: "Delete the cluster" }).press("Enter");
        await page.getByText(`\u2068${name}\u2069 #${id} has been deleted.`).waitFor();
        assert.deepEqual(await owner.k8s.list(), []);
        await page.getByLabel("Status", { exact: true }).selectOption("DELETED");
        await row(page, name).waitFor();
        await menuHas(page, about, ["History", ...copies, "Restore…"]);
        await choose(page, about, "Restore…");
        await dialog(page).getByRole("button", { name: "Restore the cluster" }).press("Enter");
        await page.getByText(`\u2068${name}\u2069 #${id} has been restored.`).waitFor();
        assert.equal((await owner.k8s.get({ id })).status, "PENDING");

        await page.getByRole("button", { name: "Reset" }).click();
        const { id: second } = await client(`lists_second_${width}`).k8s.create({ name: "appears", location: "eu" });
        await page.getByRole("button", { name: `Actions: appears #${second}` }).waitFor();
        await choose(page, `Actions: appears #${second}`, "Copy id");
        await until(async () => (await copied(page)) === String(second), "the cluster's id");
        await choose(page, `Actions: appears #${second}`, "Copy the owner's id");
        await until(async () => (await copied(page)) === `lists_second_${width}`, "the owner's id");

        const own = await admin.k8s.create({ name: "mine", location: "eu" });
        for (const action of ["Set CREATING…", "Delete…"]) {
          await choose(page, `Actions: mine #${own.id}`, action);
          assert.match(await dialog(page).innerText(), /This is your own cluster\./);
          await dialog(page).getByRole("button", { name: "Cancel" }).press("Enter");
        }
        await admin.k8s.delete({ id: own.id });
        await choose(page, about, "History");
        await page.getByRole("heading", { name: "Dashboard: Audit log" }).waitFor();
        await until(async () => (await rows(page).count()) === 5, "what happened to the cluster");
      },
      { colorScheme },
    ));

  test(`${width} px: a user's row follows the audit log, and one's own account is never changed without asking`, () =>
    explore(
      width,
      "/",
      async (page) => {
        const user = `lists_promoted_${width}`;
        await client(user).user.me();
        await open(page, "Users");
        const promoted = row(page, user);
        await promoted.waitFor();
        await admin.admin.setRole({ userId: user, role: "ADMIN" });
        await until(async () => /ADMIN/.test(await promoted.innerText()), "the new role");
        const about = new RegExp(`^Actions: .*${user}`);
        await choose(page, about, "Make user…");
        assert.match(await dialog(page).innerText(), /lose access to the dashboard/);
        await accessible(page, "the question about a role");
        // The row is made anew behind the dialog, which leaves the focus to the new one.
        await admin.admin.setRole({ userId: user, role: "USER" });
        await until(async () => /USER/.test(await promoted.innerText()), "the old role");
        await dialog(page).getByRole("button", { name: "Cancel" }).press("Enter");
        const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
        await until(async () => about.test(await focused()), "the focus on the new row");
        await choose(page, about, "Make admin…");
        await dialog(page).getByRole("button", { name: "Make admin" }).press("Enter");
        await page.getByText("is ADMIN now.").waitFor();
        await choose(page, about, "Copy id");
        await until(async () => (await copied(page)) === user, "the user's id");
        await menuHas(page, about, ["Make user…", "Clusters", "History", "Copy id", "Soft-delete…"]);
        await choose(page, about, "Clusters");
        await page.waitForURL(new RegExp(`#/dashboard/clusters\\?userId=${user}$`));
        await page.getByText("No clusters match.").waitFor();
        assert.equal(await page.getByRole("button", { name: "Export CSV" }).isVisible(), false);
        await page.goBack();
        await choose(page, about, "History");
        await page.waitForURL(new RegExp(`#/dashboard/audit\\?entity=user&entityId=${user}$`));
        await row(page, "admin.setRole").first().waitFor();
        await page.goBack();
        const gone = `lists_gone_${width}`;
        await client(gone).user.me();
        await page.getByLabel("Search", { exact: true }).fill(gone);
        await choose(page, new RegExp(`^Actions: .*${gone}`), "Soft-delete…");
        assert.match(await dialog(page).innerText(), /their tokens are revoked[\s\S]*This can't be undone here/);
        await accessible(page, "the question before a deletion");
        await dialog(page).getByRole("button", { name: "Soft-delete the account" }).press("Enter");
        await page.getByText(/The account of .* has been deleted/).waitFor();
        await assert.rejects(client(gone).user.me(), { code: "UNAUTHORIZED" });

        await page.getByLabel("Search", { exact: true }).fill("admin");
        await until(async () => (await rows(page).count()) === 1, "one admin");
        await choose(page, /^Actions: Administrator/, "Make user…");
        assert.match(await dialog(page).innerText(), /This is your own account/);
        await dialog(page).getByRole("button", { name: "Cancel" }).press("Enter");
        await choose(page, /^Actions: Administrator/, "Soft-delete…");
        assert.match(await dialog(page).innerText(), /This is your own account/);
        await dialog(page).getByRole("button", { name: "Cancel" }).press("Enter");
        assert.equal((await admin.user.me()).role, "ADMIN");
      },
      { colorScheme },
    ));
}

test("a user's row can not be acted on until a change of theirs is shown", () =>
  explore(1280, "/", async (page) => {
    await client("lists_held").user.me();
    await open(page, "Users");
    await page.getByLabel("Search", { exact: true }).fill("lists_held");
    await until(async () => (await rows(page).count()) === 1, "one user");
    const about = /^Actions: .*lists_held/;
    await choose(page, about, "Make admin…");
    const held: Route[] = [];
    await page.route("**/", async (route) => {
      if (!route.request().postData()?.includes("admin.listUsers")) return route.continue();
      held.push(route);
    });
    await admin.admin.setRole({ userId: "lists_held", role: "ADMIN" });
    // Behind the dialog.
    const button = page.locator(".menu-button");
    await until(async () => (await button.getAttribute("aria-disabled")) === "true", "the menu to be disabled");
    await dialog(page).getByRole("button", { name: "Make admin" }).press("Enter");
    await page.getByText("This has changed since it was shown. Look at it again.").waitFor();
    await button.press("Enter");
    assert.equal(await button.getAttribute("aria-expanded"), "false");
    await until(() => held.length > 0, "the list to be asked for");
    await page.unroute("**/");
    // All but the last were given up.
    for (const route of held) await route.continue().catch(() => {});
    await until(async () => /ADMIN/.test(await row(page, "lists_held").innerText()), "the new role");
    await choose(page, about, "Make user…");
    await dialog(page).getByRole("button", { name: "Cancel" }).press("Enter");
  }));
