// Lists and pages that are loaded again by themselves: nothing is dimmed or skipped, and the page, the focus and an open menu stay.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { browser } from "../support/browser.ts";
import { explorer, signIn } from "../support/explorer.ts";
import { Server } from "../support/server.ts";
import { dimmed, heading, person, row } from "../support/things.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const adminToken = await server.adminToken();
const admin = createClient({ url: server.url, token: adminToken });
const explore = explorer(await browser(), server);

/** Three pages of users. */
const USERS = Array.from({ length: 45 }, (_, number) => `quiet_${String(number).padStart(2, "0")}`);
for (const id of USERS) await person(server, id, id);

const client = (user: string) => createClient({ url: server.url, token: token(user) });

/** Opens a page as an admin. */
const open = (hash: string, visit: (page: Page) => Promise<void>, before = async (_page: Page) => {}) =>
  explore(1280, "/", async (page) => {
    await before(page);
    await signIn(page, adminToken);
    await page.goto(`${server.url}/${hash}`);
    await visit(page);
  });

const LIST = "#/dashboard/users?search=quiet_&sort=name&order=asc";
const rows = (page: Page) => page.getByRole("table", { name: "Users" }).locator("tbody tr");
const ids = (page: Page) => rows(page).locator("code").allInnerTexts();
const shows = (page: Page, users: string[]) =>
  until(async () => (await ids(page)).join() === users.join(), `${users[0]} to ${users.at(-1)}`);
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const isFocused = (page: Page, text: string) =>
  until(() => page.evaluate((wanted) => document.activeElement?.textContent === wanted, text), `the focus on ${text}`);

/** Holds the calls that `isHeld` picks until `release()`. */
async function hold(page: Page, isHeld: (body: string) => boolean) {
  const bodies: string[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/", async (route) => {
    const body = route.request().postData() ?? "";
    if (isHeld(body)) {
      bodies.push(body);
      await released;
    }
    await route.continue().catch(() => {});
  });
  return { bodies, release };
}

test("who turns pages faster than they load skips none", () =>
  open(
    LIST,
    async (page) => {
      await shows(page, USERS.slice(0, 20));
      const held = await hold(page, (body) => body.includes("admin.listUsers"));
      await button(page, "Next").press("Enter");
      await button(page, "Next").press("Enter");
      await until(() => held.bodies.length > 0, "the second page to be asked for");
      held.release();
      await shows(page, USERS.slice(20, 40));
      await page.getByText("Page 2", { exact: true }).waitFor();
      await button(page, "Next").press("Enter");
      await shows(page, USERS.slice(40));
      assert.match(await page.getByRole("main").innerText(), /Users 41–45/);
      assert.equal(held.bodies.length, 2);
      await button(page, "Previous").press("Enter");
      await shows(page, USERS.slice(20, 40));
    },
    // Without events, after which the list would be loaded by itself.
    (page) => page.routeWebSocket(/.*/, () => {}),
  ));

test("a page that is turned while the list is loaded by itself is the one that is shown", () =>
  open(LIST, async (page) => {
    await shows(page, USERS.slice(0, 20));
    const first = await hold(page, (body) => body.includes("admin.listUsers") && !body.includes("cursor"));
    await client("quiet_01").user.updateName({ name: "quiet_01 again" });
    await until(() => first.bodies.length > 0, "the list to be loaded by itself");
    const aborted = page.waitForEvent("requestfailed");
    await button(page, "Next").press("Enter");
    await aborted;
    first.release();
    await shows(page, USERS.slice(20, 40));
    await page.getByText("Page 2", { exact: true }).waitFor();
    await client("quiet_01").user.updateName({ name: "quiet_01" });
  }));

test("a list that changes by itself keeps its page, the focus and an open menu", () =>
  open(LIST, async (page) => {
    await shows(page, USERS.slice(0, 20));
    await button(page, "Next").press("Enter");
    await shows(page, USERS.slice(20, 40));
    const seen = await dimmed(page);
    const link = row(page, "Users", "quiet_30").getByRole("link", { name: "quiet_30", exact: true });
    await link.focus();
    const element = await link.elementHandle();
    await client("quiet_25").user.updateName({ name: "quiet_25 new" });
    await row(page, "Users", "quiet_25 new").waitFor();
    assert.equal(await element!.evaluate((one) => one === document.activeElement), true);

    await button(page, "Actions: quiet_30 (quiet_30)").press("Enter");
    await page.keyboard.press("ArrowDown");
    await isFocused(page, "Clusters");
    // A row above goes, and the first one of the next page comes.
    await client("quiet_28").user.softDelete({});
    await until(async () => (await ids(page)).at(-1) === "quiet_40", "the rows to move up");
    await isFocused(page, "Clusters");
    assert.equal(await page.getByRole("menuitem", { name: "Clusters" }).isVisible(), true);
    await page.keyboard.press("Escape");
    await isFocused(page, "⋯");

    // The row itself changes: the focus goes to what takes its place.
    await client("quiet_30").user.updateName({ name: "quiet_30 new" });
    await row(page, "Users", "quiet_30 new").waitFor();
    const now = button(page, "Actions: quiet_30 new (quiet_30)");
    await until(() => now.evaluate((one) => one === document.activeElement), "the focus on the new row");
    await page.getByText("Page 2", { exact: true }).waitFor();
    assert.match(await page.getByRole("main").innerText(), /Users 21–40/);
    assert.deepEqual(await seen.jsonValue(), []);
  }));

test("many changes are one load, and the next one waits", () =>
  open(
    "#/",
    async (page) => {
      const asked: string[] = [];
      page.on("request", (request) => {
        if (request.postData()?.includes("admin.listUsers")) asked.push(request.url());
      });
      let answered = 0;
      page.on("requestfinished", (request) => {
        if (request.postData()?.includes("admin.listUsers")) answered += 1;
      });
      await page.goto(`${server.url}/${LIST}`);
      await shows(page, USERS.slice(0, 20));
      await until(() => answered === 2, "the load when the subscription is ready");
      await page.clock.pauseAt(Date.now() + 10_000);
      const changed = async (id: string, name: string) => {
        await client(id).user.updateName({ name });
        await row(page, "Users", id).and(page.locator("[data-held]")).waitFor();
      };
      for (const id of USERS.slice(2, 7)) await changed(id, `${id} once`);
      assert.equal(asked.length, 2);
      await page.clock.runFor(150);
      await row(page, "Users", "quiet_06 once").waitFor();
      assert.equal(asked.length, 3);
      for (const id of USERS.slice(7, 10)) {
        await changed(id, `${id} once`);
        await page.clock.runFor(300);
      }
      await page.clock.runFor(2000);
      await row(page, "Users", "quiet_09 once").waitFor();
      assert.equal(asked.length, 4);
    },
    (page) => page.clock.install(),
  ));

test("a page about a thing that changes by itself keeps the focus, what is open, and its rows", async () => {
  const owner = await person(server, "quiet_owner");
  const { id } = await owner.k8s.create({ name: "still", location: "eu" });
  for (let number = 0; number < 12; number += 1) await owner.k8s.update({ id, name: `still-${number % 2}` });
  await open(`#/cluster/${id}`, async (page) => {
    await heading(page, "still-1").waitFor();
    const events = page.getByRole("table", { name: "Events" }).locator("tbody tr");
    await until(async () => (await events.count()) === 10, "the first events");
    await button(page, "More events").press("Enter");
    await until(async () => (await events.count()) === 13, "all events");
    await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
    const seen = await dimmed(page);

    await button(page, `Delete still-1 #${id}`).focus();
    await admin.k8s.setStatus({ id, status: "CREATING" });
    await row(page, "Entries", "k8s.setStatus").waitFor();
    await until(
      () => button(page, `Delete still-1 #${id}`).evaluate((one) => one === document.activeElement),
      "the focus on the same button",
    );

    const details = row(page, "Entries", "k8s.setStatus").getByRole("group");
    await details.locator("summary").press("Enter");
    const summary = await details.locator("summary").elementHandle();
    await admin.k8s.setStatus({ id, status: "INITING" });
    await until(async () => (await row(page, "Entries", "k8s.setStatus").count()) === 2, "the second entry");
    await until(async () => (await row(page, "Events", "statusChanged").count()) === 2, "the second event");
    assert.equal(await summary!.evaluate((one) => one === document.activeElement), true);
    assert.equal(await summary!.evaluate((one) => one.closest("details")?.open), true);
    assert.equal(await events.count(), 13);
    assert.deepEqual(await seen.jsonValue(), []);
  });
});

test("more than a hundred rows stay when something changes", async () => {
  const owner = await person(server, "quiet_long");
  const { id } = await owner.k8s.create({ name: "long", location: "eu" });
  for (let number = 0; number < 120; number += 1) await owner.k8s.update({ id, name: `long-${number}` });
  await open(`#/cluster/${id}`, async (page) => {
    const events = page.getByRole("table", { name: "Events" }).locator("tbody tr");
    for (const number of [10, 60, 110]) {
      await until(async () => (await events.count()) === number, `${number} events`);
      if (number < 110) await button(page, "More events").press("Enter");
    }
    await owner.k8s.update({ id, name: "longer" });
    await until(async () => /longer/.test(await events.first().innerText()), "the new event");
    assert.equal(await events.count(), 110);
    await button(page, "More events").press("Enter");
    await until(async () => (await events.count()) === 122, "all events");
  });
});

test("rows that were asked for come although the table is read again meanwhile", async () => {
  const owner = await person(server, "quiet_growing");
  const { id } = await owner.k8s.create({ name: "grows", location: "eu" });
  for (let number = 0; number < 12; number += 1) await owner.k8s.update({ id, name: `grows-${number}` });
  await open(`#/cluster/${id}`, async (page) => {
    const events = page.getByRole("table", { name: "Events" }).locator("tbody tr");
    await until(async () => (await events.count()) === 10, "the first events");
    const held = await hold(page, (body) => body.includes("admin.clusterEvents") && body.includes("cursor"));
    await button(page, "More events").press("Enter");
    await until(() => held.bodies.length === 1, "the other events to be asked for");
    await owner.k8s.update({ id, name: "grown" });
    await heading(page, "grown").waitFor();
    held.release();
    await until(async () => /grown/.test(await events.first().innerText()), "the new event");
    // As many as there were: the oldest one is asked for by the button.
    await until(async () => (await events.count()) === 13, "the other events");
  });
});
