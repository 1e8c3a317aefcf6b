// The dashboard's list of Stripe's events: sorting, CSV, menus, and that it stays current although nothing announces an event.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { billed } from "../support/billed.ts";
import { browser } from "../support/browser.ts";
import { choose, explorer, signIn } from "../support/explorer.ts";
import { LOOKS, menuHas, narrow } from "../support/lists.ts";
import { dimmed, person, region, row, said } from "../support/things.ts";
import { until } from "../support/until.ts";

const stripe = await billed({});
const { server } = stripe;
const adminToken = await server.adminToken();
const admin = createClient({ url: server.url, token: adminToken });
const explore = explorer(await browser(), server);

const PAYERS = Array.from({ length: 11 }, (_, number) => `events_${String(number).padStart(2, "0")}`);
for (const id of PAYERS) {
  await person(server, id);
  await stripe.subscribe(id);
}
await stripe.failing("events_00");

const HALF_A_MINUTE = 30_000;
/** More than the page gathers reasons for. */
const SOON = 200;

/** Opens the tab as an admin, on a page whose clock only goes on when it is told to. */
const open = (
  visit: (page: Page) => Promise<void>,
  { isPaused = true, width = 1280, colorScheme = "light" as "light" | "dark" } = {},
) =>
  explore(
    width,
    "/",
    async (page) => {
      if (isPaused) await page.clock.install();
      await signIn(page, adminToken);
      await page.goto(`${server.url}/#/dashboard/stripe`);
      await rows(page).first().waitFor();
      await region(page, "Account").waitFor();
      if (isPaused) await page.clock.pauseAt(Date.now() + 10_000);
      await visit(page);
    },
    { colorScheme },
  );

const rows = (page: Page) => page.getByRole("table", { name: "Events" }).locator("tbody tr");
const event = (page: Page, id: string) => row(page, "Events", id);
const ids = (page: Page) => rows(page).locator("code.help").allInnerTexts();
const menu = (page: Page, id: string) => page.getByRole("button", { name: `Actions: event ${id}`, exact: true });

/** Notes the calls of a procedure from now on. */
function calls(page: Page, procedure: string): string[] {
  const found: string[] = [];
  page.on("request", (request) => {
    const body = request.postData() ?? "";
    if (body.includes(`"${procedure}"`)) found.push(body);
  });
  return found;
}

test("events are counted, sorted, filtered and saved as CSV", () =>
  open(
    async (page) => {
      const { items } = await admin.admin.webhookEvents({ limit: 100 });
      assert.equal(items.length, 23);
      await page.getByText("Events 1–20 of 23", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Received" }).press("Enter");
      const oldest = items.map(({ id }) => id).reverse();
      await until(async () => (await ids(page)).join() === oldest.slice(0, 20).join(), "the oldest events");
      assert.match(page.url(), /sort=receivedAt&order=asc$/);
      assert.equal(await page.getByRole("columnheader", { name: "Received" }).getAttribute("aria-sort"), "ascending");
      await page.reload();
      await signIn(page, adminToken);
      await until(async () => (await ids(page)).join() === oldest.slice(0, 20).join(), "the same after a reload");
      await page.getByRole("button", { name: "Next" }).press("Enter");
      await until(async () => (await ids(page)).join() === oldest.slice(20).join(), "the second page");

      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Export CSV" }).press("Enter");
      const file = await download;
      assert.match(file.suggestedFilename(), /^events-\d{4}-\d\d-\d\d\.csv$/);
      const [head, ...lines] = (await readFile((await file.path())!, "utf8")).trimEnd().split("\r\n");
      assert.equal(head, "\uFEFFid,type,state,reason,attempts,created,received,processed");
      assert.deepEqual(
        lines.map((line) => line.split(",")[0]),
        oldest,
      );
      assert.match(
        lines.at(-1)!,
        /^evt_failed_events_00,customer\.subscription\.created,failed,"price ""price_unknown"" .*",1,20[^,]*Z,20[^,]*Z,$/,
      );

      await page.getByLabel("Failed", { exact: true }).check();
      await page.getByText("Events 1–1 of 1", { exact: true }).waitFor();
      assert.match(page.url(), /failed=true/);
      await page.getByRole("button", { name: "Reset" }).press("Enter");
      await page.getByText("Events 1–20 of 23", { exact: true }).waitFor();
      await accessible(page, "the list of events");
    },
    { isPaused: false },
  ));

for (const [index, [width, colorScheme]] of LOOKS.entries()) {
  test(`${width} px: the menu of an event replays it if it failed, and leads to its history`, () =>
    open(
      async (page) => {
        await menuHas(page, "Actions: event evt_paid_events_10", ["History", "Copy id"]);
        await menuHas(page, "Actions: event evt_failed_events_00", ["Replay…", "History", "Copy id"]);
        await choose(page, "Actions: event evt_paid_events_10", "Copy id");
        await until(
          async () => (await page.evaluate(() => navigator.clipboard.readText())) === "evt_paid_events_10",
          "the id",
        );
        await choose(page, "Actions: event evt_failed_events_00", "Replay…");
        await accessible(page, "the question before a replay");
        await page.getByRole("alertdialog").getByRole("button", { name: "Replay" }).press("Enter");
        await said(page, /evt_failed_events_00 failed again: price "price_unknown"/).waitFor();
        await until(
          async () => new RegExp(`\\s${index + 2}\\s`).test(await event(page, "evt_failed_events_00").innerText()),
          "one attempt more",
        );
        await choose(page, "Actions: event evt_failed_events_00", "History");
        await row(page, "Entries", "admin.replayWebhook").first().waitFor();
      },
      { isPaused: false, width, colorScheme },
    ));
}

test("the list of events is never wider than its place", () =>
  open(
    async (page) => {
      // Longer words than `now`.
      const earlier = new Date(Date.now() - 25 * 60_000).toISOString();
      await page.route("**/", async (route) => {
        if (!route.request().postData()?.includes("admin.webhookEvents")) return route.continue();
        const response = await route.fetch();
        const body = (await response.text()).replaceAll(/"(received|processed)At":"[^"]+"/g, `"$1At":"${earlier}"`);
        await route.fulfill({ response, body });
      });
      await page.getByRole("button", { name: "Received" }).press("Enter");
      await rows(page).filter({ hasText: "25 minutes ago" }).first().waitFor();
      await narrow(page, "Events");
    },
    { isPaused: false },
  ));

test("what the page asks for while nobody uses it does not count as use", () =>
  open(async (page) => {
    const unattended: boolean[] = [];
    page.on("request", (request) => {
      if (request.postData()?.includes("admin.webhookEvents")) unattended.push("x-unattended" in request.headers());
    });
    // While the clock goes on, the list is asked for every half a minute.
    const goOn = async (milliseconds: number, isUnattended: boolean) => {
      const before = unattended.length;
      await page.clock.runFor(milliseconds + SOON);
      await until(
        () => unattended.length > before && unattended.at(-1) === isUnattended,
        `unattended: ${isUnattended}`,
      );
    };
    await page.keyboard.press("Shift");
    await goOn(HALF_A_MINUTE, false);
    await goOn(3 * HALF_A_MINUTE, true);
    // Somebody is back.
    await page.mouse.move(200, 300);
    await goOn(HALF_A_MINUTE, false);
    assert.equal(unattended.indexOf(true) > 0, true);
  }));

test("while somebody looks, events and numbers come by themselves, and nothing is dimmed", () =>
  open(async (page) => {
    const seen = await dimmed(page);
    const copy = page.getByRole("button", { name: "Copy clusterdesk webhooks reconcile", exact: true });
    await copy.focus();
    const element = await menu(page, "evt_paid_events_10").elementHandle();
    await stripe.failing("events_01");
    await page.clock.runFor(HALF_A_MINUTE + SOON);
    await event(page, "evt_failed_events_01").getByText("price_unknown").waitFor();
    await region(page, "Account").getByText("2 failed events wait for a replay.").waitFor();
    await page.getByText("Events 1–20 of 24", { exact: true }).waitFor();
    assert.equal(await copy.evaluate((one) => one === document.activeElement), true);
    // The row of an event that has not changed is the same.
    assert.equal(await element!.evaluate((one) => one.isConnected), true);
    assert.deepEqual(await seen.jsonValue(), []);
  }));

test("nothing is loaded below an open menu or dialog, or while nobody looks", () =>
  open(async (page) => {
    const asked = calls(page, "admin.webhookEvents");
    const failed = "evt_failed_events_00";
    await menu(page, failed).press("Enter");
    await page.clock.runFor(3 * HALF_A_MINUTE);
    await page.keyboard.press("End");
    await page.keyboard.press("Escape");
    await menu(page, failed).press("Enter");
    await page.getByRole("menuitem", { name: "Replay…" }).press("Enter");
    await page.getByRole("alertdialog").waitFor();
    await page.clock.runFor(3 * HALF_A_MINUTE);
    await page.getByRole("alertdialog").getByRole("button", { name: "Cancel" }).press("Enter");
    await page.getByRole("alertdialog").waitFor({ state: "hidden" });

    // The browser of the tests never hides a page.
    const become = (state: "hidden" | "visible") =>
      page.evaluate((wanted) => {
        Object.defineProperty(document, "visibilityState", { value: wanted, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, state);
    await become("hidden");
    await page.clock.runFor(3 * HALF_A_MINUTE);
    await stripe.failing("events_02");
    await become("visible");
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    await page.clock.runFor(SOON);
    await event(page, "evt_failed_events_02").waitFor();
    assert.equal(asked.length, 1);

    // Another tab of the dashboard does not ask for events.
    await page.getByRole("navigation", { name: "Dashboard" }).getByRole("link", { name: "Health" }).press("Enter");
    await page.getByRole("heading", { name: "Dashboard: Health" }).waitFor();
    await page.clock.runFor(3 * HALF_A_MINUTE);
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    await page.clock.runFor(SOON);
    await page.getByRole("navigation", { name: "Dashboard" }).getByRole("link", { name: "Stripe" }).press("Enter");
    await rows(page).first().waitFor();
    assert.equal(asked.length, 2);
  }));

test("what is shown stays while the server can't be reached", () =>
  open(async (page) => {
    const asked = calls(page, "admin.webhookEvents");
    await page.route("**/", (route) => route.abort("connectionrefused"));
    await stripe.failing("events_03");
    const refused = page.waitForEvent("requestfailed");
    await page.clock.runFor(HALF_A_MINUTE + SOON);
    await refused;
    await until(() => asked.length === 1, "the list to be asked for");
    await page.unroute("**/");
    await page.clock.runFor(10_000 + SOON);
    await event(page, "evt_failed_events_03").waitFor();
    const { total } = await admin.admin.webhookEvents({ failed: true, total: true });
    await region(page, "Account").getByText(`${total?.count} failed events wait for a replay.`).waitFor();
    assert.equal(await page.locator(".notice").count(), 0);
    assert.equal(asked.length, 2);
  }));
