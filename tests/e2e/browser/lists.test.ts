// The dashboard's lists: sorting, filters, menus and CSV.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser, screenshot } from "../support/browser.ts";
import { choose, explorer, fits } from "../support/explorer.ts";
import { copied, LOOKS, menuHas, narrow, openTab, row, rows } from "../support/lists.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const adminToken = await server.adminToken();
const explore = explorer(await browser(), server);

const client = (user: string) => createClient({ url: server.url, token: token(user) });
const admin = createClient({ url: server.url, token: adminToken });

/** Names that must neither break the page nor be believed. */
const NAMES = {
  lists_long: "W".repeat(100),
  lists_rtl: "‮שלום עולם مرحبا",
  lists_four: "𝒜𝒷𝒸 👩‍👩‍👧‍👦 𓀀",
  lists_script: `<img src=x onerror="document.title='owned'">`,
  lists_unseen: "\u200b\u2060",
  lists_formula: `=HYPERLINK("https://evil.example","a, b")`,
};

for (const [user, name] of Object.entries(NAMES)) await client(user).user.updateName({ name });
await client(`lists_${"x".repeat(200)}`).k8s.create({ name: "a".repeat(100), location: "L".repeat(50) });
await client("lists_other").k8s.create({ name: "other", location: "eu" });

const open = (page: Page, tab: string) => openTab(page, adminToken, tab);
const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? "");

for (const width of [1920, 1280, 360]) {
  test(`${width} px: the lists are accessible, fit, and break no word`, () =>
    explore(width, "/", async (page) => {
      await open(page, "Users");
      await page.evaluate(() => document.fonts.ready);
      const account = page.getByRole("banner").getByRole("button", { name: "Account: Administrator, ADMIN" });
      assert.equal(await account.evaluate((one) => one.scrollWidth - one.clientWidth), 0, "the name is whole");
      for (const [tab, sorted] of [
        ["Users", "Joined"],
        ["Clusters", "Created"],
        ["Audit log", "When"],
      ] as const) {
        await page.getByRole("navigation", { name: "Dashboard" }).getByRole("link", { name: tab }).click();
        await page.getByRole("heading", { name: `Dashboard: ${tab}` }).waitFor();
        await rows(page).first().waitFor();
        await accessible(page, tab);
        await screenshot(page, `lists-${tab.toLowerCase().replace(" ", "-")}-${width}`);
        await fits(page, tab);
        const button = rows(page)
          .first()
          .getByRole("button", { name: /^Actions: / });
        await button.click();
        await page.getByRole("menuitem").first().waitFor();
        await accessible(page, `a menu of ${tab}`);
        await page.keyboard.press("Escape");
        await page.getByRole("menuitem").first().waitFor({ state: "hidden" });

        const head = page.getByRole("columnheader", { name: sorted, exact: true });
        const times = () =>
          page
            .locator(`td[data-label=${sorted}] time`)
            .evaluateAll((all) => all.map((time) => time.getAttribute("datetime") ?? ""));
        assert.equal(await head.getAttribute("aria-sort"), "descending");
        for (const order of ["ascending", "descending"]) {
          if (order === "ascending") await page.getByRole("button", { name: sorted, exact: true }).press("Enter");
          else await page.getByRole("button", { name: "Reset" }).press("Enter");
          await until(async () => (await head.getAttribute("aria-sort")) === order, `${tab} ${order}`);
          await until(async () => {
            const [shown, right] = [await times(), (await times()).sort()];
            return shown.length > 1 && shown.join() === (order === "ascending" ? right : right.reverse()).join();
          }, `the rows of ${tab} ${order}`);
        }
        const download = page.waitForEvent("download");
        await page.getByRole("button", { name: "Export CSV" }).press("Enter");
        assert.match(await readFile(await (await download).path(), "utf8"), /^\uFEFFid,/);
      }
      assert.notEqual(await page.title(), "owned");
      if (width === 1920) {
        const box = await page.getByRole("table").boundingBox();
        assert.ok((box?.width ?? 0) > 1500, "the table uses the screen");
      }
    }));
}

test("the keyboard sorts, filters and walks a menu, and keeps the focus", () =>
  explore(1280, "/", async (page) => {
    await open(page, "Users");
    const head = page.getByRole("columnheader", { name: "User", exact: true });
    assert.equal(await head.getAttribute("aria-sort"), "none");
    const ids = async () => (await rows(page).locator("code").allInnerTexts()).filter((id) => id.startsWith("lists_"));
    for (const [order, name] of [
      ["asc", "ascending"],
      ["desc", "descending"],
    ] as const) {
      await page.getByRole("button", { name: "User", exact: true }).press("Enter");
      await until(async () => (await head.getAttribute("aria-sort")) === name, name);
      assert.match(page.url(), new RegExp(`sort=name&order=${order}`));
      const { items } = await admin.admin.listUsers({ sort: "name", order });
      const expected = items.map(({ id }) => id).filter((id) => id.startsWith("lists_"));
      await until(async () => (await ids()).join() === expected.join(), `users ${name}`);
      assert.equal(await focused(page), "User");
    }
    await page.goBack();
    await until(async () => (await head.getAttribute("aria-sort")) === "ascending", "the order before");

    const search = page.getByRole("search", { name: "Filter Users" }).getByLabel("Search");
    await search.focus();
    await page.keyboard.type("LISTS_FOUR", { delay: 5 });
    await until(async () => (await rows(page).count()) === 1, "one user");
    await page.waitForURL(/search=LISTS_FOUR/);
    assert.equal(await search.evaluate((element) => element === document.activeElement), true);
    assert.match(await page.getByRole("main").innerText(), /Users 1–1 of 1/);
    await page.getByRole("button", { name: "Reset" }).press("Enter");
    await until(async () => (await rows(page).count()) > 5, "all users");
    await page.getByLabel("Role", { exact: true }).selectOption("ADMIN");
    await until(async () => (await rows(page).count()) === 1, "one admin");
    await page.getByRole("button", { name: "Reset" }).press("Enter");
    await until(async () => (await rows(page).count()) > 5, "all users again");

    const button = row(page, "lists_four").getByRole("button", { name: /^Actions: / });
    await button.focus();
    await page.keyboard.press("ArrowDown");
    await until(async () => (await focused(page)) === "Make admin…", "the first entry");
    for (const [key, text] of [
      ["ArrowUp", "Soft-delete…"],
      ["ArrowDown", "Make admin…"],
      ["End", "Soft-delete…"],
      ["Home", "Make admin…"],
      ["h", "History"],
    ] as const) {
      await page.keyboard.press(key);
      assert.equal(await focused(page), text);
    }
    assert.equal(await button.getAttribute("aria-expanded"), "true");
    await page.keyboard.press("Escape");
    await until(async () => (await button.getAttribute("aria-expanded")) === "false", "the menu to close");
    assert.equal(await button.evaluate((element) => element === document.activeElement), true);
  }));

test("a search aborts the one before", () =>
  explore(1280, "/", async (page) => {
    await open(page, "Users");
    let held = 0;
    await page.route("**/", async (route) => {
      const isSlow = route.request().postData()?.includes('"search":"lists"') ?? false;
      if (!isSlow) return route.continue();
      held += 1;
      // It is never answered.
    });
    const search = page.getByLabel("Search", { exact: true });
    const aborted = page.waitForEvent("requestfailed");
    await search.fill("lists");
    await until(() => held >= 1, "the first search");
    await search.fill("lists_rtl");
    await aborted;
    await until(async () => (await rows(page).count()) === 1, "the second search");
  }));

test("CSV has all pages, is safe for spreadsheets, and can be stopped", () =>
  explore(1280, "/", async (page) => {
    for (let at = 0; at < 105; at += 1) await client(`lists_csv_${at}`).user.me();
    await open(page, "Users");
    const save = async () => {
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Export CSV" }).press("Enter");
      const file = await download;
      assert.match(file.suggestedFilename(), /^users-\d{4}-\d\d-\d\d\.csv$/);
      return readFile((await file.path())!, "utf8");
    };
    await page.getByLabel("Search", { exact: true }).fill("lists_csv_");
    await until(() => page.url().includes("search="), "the search");
    const lines = (await save()).split("\r\n");
    assert.equal(lines[0], "\uFEFFid,name,email,role,deleted,plan,clusters,joined");
    assert.equal(lines.length, 107);
    assert.match(await page.getByRole("main").innerText(), /Saved 105 rows/);
    await page.getByLabel("Search", { exact: true }).fill("lists_formula");
    await until(async () => (await rows(page).count()) === 1, "one user");
    const [, formula] = (await save()).split("\r\n");
    assert.match(formula!, /^lists_formula,"'=HYPERLINK\(""https:\/\/evil\.example"",""a, b""\)",,USER,,,0,2/);

    await page.getByRole("button", { name: "Reset" }).click();
    await until(async () => (await rows(page).count()) === 20, "a page");
    let pages = 0;
    await page.route("**/", async (route) => {
      if (!route.request().postData()?.includes('"limit":100')) return route.continue();
      pages += 1;
      // The second page never comes.
      return pages === 1 ? route.continue() : undefined;
    });
    await page.getByRole("button", { name: "Export CSV" }).press("Enter");
    await until(() => pages === 2, "the second page");
    assert.match(await page.getByRole("main").innerText(), /100 rows…/);
    await page.keyboard.press("Enter");
    await page.getByText("Stopped. Nothing was saved.").waitFor();
    assert.equal(await focused(page), "Export CSV");
  }));

for (const [width, colorScheme] of LOOKS) {
  test(`${width} px: the audit log is filtered by what commands do too, and by what an entry has`, () =>
    explore(
      width,
      "/",
      async (page) => {
        await server.consoleLink();
        const filtered = `lists_filtered_${width}`;
        await client(filtered).user.updateName({ name: `Filtered ${width}` });
        await open(page, "Audit log");
        const kinds = await page.getByLabel("Entity", { exact: true }).locator("option").allTextContents();
        assert.ok(kinds.includes("stripe_subscription"));
        await page.getByLabel("Procedure", { exact: true }).selectOption("console-link");
        const procedures = async () => [...new Set(await page.locator("td[data-label=Procedure]").allInnerTexts())];
        await until(async () => (await procedures()).join() === "console-link", "the links");
        await page.getByRole("button", { name: "Reset" }).press("Enter");
        const entry = row(page, "user.updateName").filter({ hasText: `Filtered ${width}` });
        const menu = await entry.getByRole("button", { name: /^Actions: / }).getAttribute("aria-label");
        // The triangle stands before the detail, in the same line.
        assert.ok((await entry.locator("summary").boundingBox())!.height < 32, "the detail has one line");
        await menuHas(page, menu!, [
          "Only this user",
          "Only by this user",
          "Only user.updateName",
          "Copy the actor's id",
          "Copy the id of the user",
          "Copy request id",
        ]);
        await choose(page, menu!, "Copy request id");
        await until(async () => /^[0-9a-f-]{36}$/.test(await copied(page)), "the request id");
        await choose(page, menu!, "Copy the id of the user");
        await until(async () => (await copied(page)) === filtered, "the user's id");
        await choose(page, menu!, "Copy the actor's id");
        await until(async () => (await copied(page)) === filtered, "the actor's id");
        const search = page.getByRole("search", { name: "Filter Entries" });
        for (const [item, hash] of [
          ["Only user.updateName", "procedure=user.updateName"],
          ["Only this user", `entity=user&entityId=${filtered}`],
          ["Only by this user", `actorId=${filtered}`],
        ] as const) {
          await choose(page, menu!, item);
          await page.waitForURL(new RegExp(`\\?${hash}$`));
          await entry.first().waitFor();
          if (hash.includes(filtered)) await search.getByRole("link", { name: `Filtered ${width}` }).waitFor();
        }
        await accessible(page, "the log of a user");
      },
      { colorScheme },
    ));
}

test("no list is wider than its place, at any width", () =>
  explore(1280, "/", async (page) => {
    await open(page, "Users");
    for (const tab of ["Users", "Clusters", "Audit log"]) {
      await page.getByRole("navigation", { name: "Dashboard" }).getByRole("link", { name: tab }).click();
      await page.getByRole("heading", { name: `Dashboard: ${tab}` }).waitFor();
      await rows(page).first().waitFor();
      await narrow(page, tab);
    }
  }));

test("users and clusters have names wherever they are listed, and their ids can be copied", () =>
  explore(1280, "/", async (page) => {
    const owner = client("lists_rtl");
    const { id } = await owner.k8s.create({ name: "imported-name", location: "eu" });
    const unseen = await client("lists_unseen").k8s.create({ name: "seen", location: "eu" });
    // Only an imported cluster can have such a name.
    await page.route("**/", async (route) => {
      if (!route.request().postData()?.includes("admin.listClusters")) return route.continue();
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace("imported-name", "\u200b") });
    });
    await open(page, "Users");
    const link = (text: string) => page.getByRole("main").getByRole("link", { name: text });
    const isolated = (text: string) => page.getByRole("main").locator("a bdi").filter({ hasText: text }).first();
    await page.getByLabel("Search", { exact: true }).fill("lists_unseen");
    await until(async () => (await rows(page).count()) === 1, "one user");
    assert.equal(await link("lists_unseen").first().getAttribute("href"), "#/user/lists_unseen");

    const tab = (name: string) => page.getByRole("navigation", { name: "Dashboard" }).getByRole("link", { name });
    await tab("Clusters").click();
    await isolated("שלום").waitFor();
    await isolated("\\u{200b}").waitFor();
    assert.equal(await link("\\u{200b}").getAttribute("href"), `#/cluster/${id}`);
    assert.equal(await row(page, "seen").getByRole("link", { name: "lists_unseen" }).count(), 1);
    await choose(page, `Actions: seen #${unseen.id}`, "Copy the owner's id");
    await until(async () => (await copied(page)) === "lists_unseen", "the owner's id");

    await tab("Audit log").click();
    const entry = row(page, "k8s.create").filter({ hasText: "שלום" });
    assert.equal(
      await entry.getByRole("link", { name: `#${id}`, exact: true }).getAttribute("href"),
      `#/cluster/${id}`,
    );
    const menu = (await entry.getByRole("button", { name: /^Actions: / }).getAttribute("aria-label"))!;
    await choose(page, menu, "Copy the actor's id");
    await until(async () => (await copied(page)) === "lists_rtl", "the actor's id");

    await tab("Stats").click();
    const latest = page.getByRole("region", { name: "Latest changes" });
    await latest.getByRole("link", { name: `#${id}`, exact: true }).click();
    await page.waitForURL(new RegExp(`#/cluster/${id}$`));
  }));

test("times are relative, and exact while the keyboard is in their row", () =>
  explore(1280, "/", async (page) => {
    await open(page, "Users");
    const time = rows(page).first().locator("time");
    assert.match(await time.innerText(), /^(now|\d+ (minutes?|hours?) ago)$/);
    assert.match((await time.getAttribute("datetime")) ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const shown = () => time.evaluate((element) => getComputedStyle(element, "::after").content);
    assert.equal(await shown(), "none");
    await page.getByRole("button", { name: "Joined" }).focus();
    await page.keyboard.press("Tab");
    assert.match(await shown(), /20\d\d/);
  }));
