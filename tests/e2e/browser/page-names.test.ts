// The explorer's pages about users and clusters: hostile names, the keyboard alone, and who sees them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser } from "../support/browser.ts";
import { explorer, signIn } from "../support/explorer.ts";
import { Server } from "../support/server.ts";
import { confirm, heading, person, region, row, said, tabTo, wellMade } from "../support/things.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const adminToken = await server.adminToken();
const admin = createClient({ url: server.url, token: adminToken });
const explore = explorer(await browser(), server);

/** Names that would do harm if they were taken for markup, or for more than a name. */
const HOSTILE = {
  markup: `<img src=x onerror="document.title='pwned'">`,
  rightToLeft: "\u202eאבג<b>",
  fourBytes: "𝔄𝔡𝔞 👩‍🚀 🇳🇴",
  long: "Wolfeschlegelsteinhausenbergerdorff-".repeat(2),
};

/** Opens a page as an admin, or with another token. */
const open = (width: number, hash: string, visit: (page: Page) => Promise<void>, as = adminToken) =>
  explore(width, "/", async (page) => {
    await signIn(page, as);
    await page.goto(`${server.url}/${hash}`);
    await visit(page);
  });

for (const width of [360, 1280, 1920]) {
  test(`${width} px: names are shown as they are, and nothing else`, async () => {
    for (const [kind, name] of Object.entries(HOSTILE)) {
      const id = `pages|${kind}/${width}?#%20`;
      const user = await person(server, id, name);
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

test("a cluster whose name can't be seen is called by its escapes", async () => {
  const user = await person(server, "pages_unseen");
  const { id } = await user.k8s.create({ name: "imported-name", location: "eu" });
  await open(1280, "#/", async (page) => {
    // Only an imported cluster can have such a name.
    await page.route("**/", async (route) => {
      if (!route.request().postData()?.includes("admin.")) return route.continue();
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replaceAll("imported-name", "\u200b") });
    });
    await page.goto(`${server.url}/#/user/pages_unseen`);
    await row(page, "Clusters", `#${id}`).getByRole("link", { name: "\\u{200b}" }).click();
    await heading(page, "\\u{200b}").waitFor();
    await row(page, "Events", "\\u{200b}").waitFor();
    await region(page, "Cluster").getByText("\\u{200b}").waitFor();
    await page.goBack();
    // What the user did names the cluster as everywhere.
    const entry = row(page, "Changes", "k8s.create").getByRole("link", { name: `#${id}`, exact: true });
    assert.equal(await entry.getAttribute("href"), `#/cluster/${id}`);
  });
});

test("by keyboard alone a cluster is found, deleted and restored", async () => {
  const user = await person(server, "pages_keys");
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

test("by keyboard alone tokens are made and revoked, roles changed, browsers signed out, and the server checked", async () => {
  await person(server, "pages_keys_role");
  const link = await server.consoleLink("pages_keys_role");
  const body = JSON.stringify({ link: link.split("#")[1] });
  const headers = { "content-type": "application/json", origin: server.url };
  assert.equal((await fetch(`${server.url}/sign-in`, { method: "POST", headers, body })).status, 200);
  await open(1280, "#/access/tokens", async (page) => {
    const press = async (...names: (string | RegExp)[]) => {
      for (const name of names) {
        await tabTo(page, name);
        await page.keyboard.press("Enter");
      }
    };
    await page.getByRole("form", { name: "New token" }).waitFor();
    await tabTo(page, "name");
    await page.keyboard.type("by-keys");
    await tabTo(page, "scope");
    await page.keyboard.type("write");
    await press("Make a token");
    await said(page, /never shown again/).waitFor();
    await row(page, "Tokens", "by-keys").waitFor();
    await press(/^Actions: by-keys/);
    await page.getByRole("menuitem", { name: "Rotate…" }).waitFor();
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await press("Revoke the token");
    await said(page, /by-keys .* has been revoked/).waitFor();
    const [revoked] = await admin.token.list();
    assert.deepEqual([revoked?.scope, revoked?.revokedAt === null], ["write", false]);

    await page.goto(`${server.url}/#/dashboard/users?search=pages_keys_role`);
    await row(page, "Users", "pages_keys_role").waitFor();
    await press(/^Actions: .*pages_keys_role/);
    await page.getByRole("menuitem", { name: "Make admin…" }).waitFor();
    await page.keyboard.press("Enter");
    await press("Make admin");
    await said(page, /is ADMIN now/).waitFor();

    await page.goto(`${server.url}/#/access/sessions?userId=pages_keys_role`);
    await row(page, "Sessions", "#").waitFor();
    await press(/^Actions: session #/);
    await page.getByRole("menuitem", { name: "Sign out…" }).waitFor();
    await page.keyboard.press("Enter");
    await press("Sign out");
    await said(page, /has been signed out/).waitFor();
    await page.getByText("No sessions match.").waitFor();

    await page.goto(`${server.url}/#/dashboard/health`);
    await page.getByText(/^All \d+ checks passed/).waitFor();
    const asked = page.waitForRequest((request) => request.postData()?.includes("admin.health") ?? false);
    await press("Check again");
    await asked;
  });
});

test("longer lists come page by page, and the focus stays in them", async () => {
  const user = await person(server, "pages_long");
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
  await person(server, "pages_nobody");
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
  await person(server, "pages_self");
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
      await confirm(page, /^Make user/, "Make user", /you lose your rights at once/);
      await page.getByText("This page is for admins. You are signed in as a user.").waitFor();
    },
    token("pages_self"),
  );
});
