// The dashboard's charts: what they show, by pointer and by keyboard, at three widths and in both themes.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Locator, Page } from "playwright-core";
import { accessible, settled } from "../support/axe.ts";
import { browser, screenshot } from "../support/browser.ts";
import { explorer, fits, signIn } from "../support/explorer.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const WEBHOOK_SECRET = "whsec_of_the_charts";
const server = await Server.start({
  STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
  STRIPE_PRO_MONTHLY_PRICE_ID: "price_pro",
});
const adminToken = await server.adminToken();
const admin = createClient({ url: server.url, token: adminToken });
const chrome = await browser();
const explore = explorer(chrome, server);

// Two users with a cluster each, a paid invoice, an event that fails, and a call that is refused. A location is what a caller
// wants it to be.
for (const [id, location] of [
  ["charts_ann", "eu"],
  ["charts_bob", "=<b>üs</b>"],
] as const) {
  await createClient({ url: server.url, token: token(id) }).k8s.create({ name: "web", location });
}
await tell("evt_paid", {
  id: "in_1",
  customer: "cus_1",
  currency: "usd",
  amount_paid: 2950,
  subscription: "sub_1",
  subscription_details: { metadata: { userId: "charts_ann" } },
  lines: { data: [{ price: { id: "price_pro" }, amount: 2950 }] },
});
await tell("evt_failed", {
  id: "in_2",
  subscription: "sub_2",
  subscription_details: { metadata: { userId: "nobody" } },
});
await assert.rejects(admin.k8s.get({ id: 999 }), { code: "NOT_FOUND" });

/** Sends an `invoice.paid`, signed as Stripe does it. */
async function tell(id: string, invoice: object): Promise<void> {
  const created = Math.floor(Date.now() / 1000);
  const body = JSON.stringify({ id, object: "event", type: "invoice.paid", created, data: { object: invoice } });
  const signature = createHmac("sha256", WEBHOOK_SECRET).update(`${created}.${body}`).digest("hex");
  const headers = { "content-type": "application/json", "stripe-signature": `t=${created},v1=${signature}` };
  await fetch(`${server.url}/webhooks/stripe`, { method: "POST", headers, body });
}

const slider = (page: Page, name: string) => page.getByRole("slider", { name, exact: true });
const words = (one: Locator) => one.getAttribute("aria-valuetext");
const figure = (page: Page, name: string) => page.getByRole("figure").filter({ has: slider(page, name) });

/** The table of a chart, as its button copies it. */
async function copied(page: Page, chart: string): Promise<string> {
  await page.evaluate(() => navigator.clipboard.writeText(""));
  await page.getByRole("button", { name: `Copy ${chart} as a table` }).click();
  const read = () => page.evaluate(() => navigator.clipboard.readText());
  await until(async () => (await read()) !== "", "the clipboard");
  return read();
}

async function openStats(page: Page): Promise<void> {
  await signIn(page, adminToken);
  await page.goto(`${server.url}/#/dashboard/stats`);
  await slider(page, "Clusters by plan").waitFor();
}

const DASHBOARD = "/#/dashboard/stats";

for (const width of [360, 1280, 1920]) {
  test(`${width} px: the stats have charts`, () =>
    explore(width, DASHBOARD, async (page) => {
      await openStats(page);
      assert.match((await words(slider(page, "Clusters by plan"))) ?? "", /: 2$|: FREE 2$/);
      assert.match((await words(slider(page, "Active users"))) ?? "", /: 2$/);
      assert.match((await words(slider(page, "Failed events"))) ?? "", /: 1$/);
      assert.match((await words(slider(page, "Revenue in USD"))) ?? "", /29\.50/);
      assert.match((await words(slider(page, "Clusters by location"))) ?? "", /=<b>üs<\/b> 1/);
      for (const [card, name] of [
        ["Users", /^Sign-ups in 30 days: from 0 to \d/],
        ["Active clusters", /^Clusters in 30 days: from 0 to 2, at most 2$/],
        ["Running subscriptions", /^Revenue in 12 months: from \D*0\.00 to \D*29\.50/],
        ["Changes in 24 hours", /^Changes by the hour: from 0 to [1-9]/],
      ] as const) {
        const title = page.getByText(card, { exact: true });
        await page.locator(".stat").filter({ has: title }).getByRole("img", { name }).waitFor();
      }
      const places = figure(page, "Clusters by location");
      const axis = figure(page, "Clusters by plan").locator("svg");
      // A picture is drawn when its size is known.
      await until(
        async () => (await page.locator(".plot svg[width]").count()) === (await page.getByRole("slider").count()),
        "the pictures",
      );
      const heights = await axis.locator(".tick text").allTextContents();
      assert.deepEqual([heights[0], heights.at(-1)], ["0", "2"]);
      assert.ok((await axis.locator(".times text").count()) >= 2);
      assert.deepEqual((await places.locator(".legend li").allTextContents()).sort(), ["=<b>üs</b>", "eu"]);
      assert.equal(await places.locator(".legend .swatch").count(), 2);
      assert.equal(await figure(page, "Sign-ups").locator(".legend").count(), 0);
      const details = figure(page, "Clusters by location").getByRole("group");
      await details.getByText("Table").press("Enter");
      const table = figure(page, "Clusters by location").getByRole("table");
      await table.waitFor();
      assert.equal(await table.getByRole("row").count(), 31);
      await accessible(page, "the charts");
      await screenshot(page, `charts-stats-${width}`);
      await page.emulateMedia({ colorScheme: "dark" });
      await screenshot(page, `charts-stats-dark-${width}`);
      await fits(page, "the charts");
    }));

  test(`${width} px: the traffic of the last hour`, () =>
    explore(width, DASHBOARD, async (page) => {
      await openStats(page);
      await page.getByRole("navigation", { name: "Dashboard" }).getByRole("link", { name: "Traffic" }).press("Enter");
      const table = page.getByRole("table", { name: "By procedure" });
      const row = table.getByRole("row").filter({ hasText: "k8s.get" });
      await row.waitFor();
      assert.match(await row.innerText(), /k8s\.get\s[\s\S]*1\s[\s\S]*1\s[\s\S]*ms/);
      await accessible(page, "the traffic");
      await screenshot(page, `charts-traffic-${width}`);
      await fits(page, "the traffic");
      await createClient({ url: server.url, token: token("charts_ann") }).hello.hello({ text: "again" });
      await page.getByRole("button", { name: "Refresh" }).press("Enter");
      const greeted = table.getByRole("row").filter({ hasText: "hello.hello" });
      await until(async () => /[1-9]/.test(await greeted.innerText()), "the greeting");
      await settled(page);
      await row.getByRole("link", { name: "k8s.get" }).press("Enter");
      await page.getByRole("figure").filter({ hasText: "k8s.get" }).first().waitFor();
      const calls = slider(page, "Calls by minute");
      const said = new Set<string | null>();
      await calls.press("End");
      for (let minute = 0; minute < 60; minute += 1) {
        said.add(/Answered.*/.exec((await words(calls)) ?? "")?.[0] ?? null);
        await calls.press("ArrowLeft");
      }
      assert.deepEqual([...said].sort(), ["Answered 0, Errors 0", "Answered 0, Errors 1"]);
      await page.getByLabel("Procedure", { exact: true }).selectOption("");
      await page.getByRole("figure").filter({ hasText: "All procedures" }).first().waitFor();
      assert.match(page.url(), /#\/dashboard\/traffic$/);
    }));
}

test("a chart is read bucket by bucket, with the keyboard and the pointer", () =>
  explore(1280, DASHBOARD, async (page) => {
    await openStats(page);
    const chart = slider(page, "Sign-ups");
    const now = () => chart.getAttribute("aria-valuenow");
    const readOut = figure(page, "Sign-ups").locator(".read-out");
    const last = await words(chart);
    assert.deepEqual([await now(), await chart.getAttribute("aria-valuemax")], ["29", "29"]);
    await chart.focus();
    for (const [key, at] of [
      ["ArrowLeft", 28],
      ["ArrowDown", 27],
      ["PageDown", 20],
      ["Home", 0],
      ["ArrowLeft", 0],
      ["ArrowRight", 1],
      ["PageUp", 8],
      ["End", 29],
      ["ArrowUp", 29],
    ] as const) {
      await page.keyboard.press(key);
      assert.equal(await now(), String(at), key);
    }
    assert.equal(await words(chart), last);
    await chart.press("ArrowLeft");
    assert.match((await words(chart)) ?? "", /: 0$/);
    // What is seen is what is said.
    const seen = (await readOut.innerText()).replaceAll(/\s+/g, "");
    assert.equal(seen, ((await words(chart)) ?? "").replaceAll(/[\s]+|: (?=\d+$)/g, ""));
    const box = await chart.boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + box.width - 14, box.y + 50);
    await until(async () => (await now()) === "29", "the last day");
    await page.mouse.move(box.x + box.width / 2, box.y + 50);
    await until(async () => Math.abs(Number(await now()) - 14) <= 1, "a day in the middle");
    await page.setViewportSize({ width: 700, height: 800 });
    await until(async () => {
      const [plot, picture] = [await chart.boundingBox(), await chart.locator("svg").boundingBox()];
      return plot && picture && Math.abs(plot.width - picture.width) < 1;
    }, "the picture to have the width of its place");
  }));

test("the range is chosen, stays in the address and is the table's", () =>
  explore(1280, DASHBOARD, async (page) => {
    await openStats(page);
    const range = page.getByRole("group", { name: "Time" });
    for (const [name, days] of [
      ["A year", 365],
      ["90 days", 90],
    ] as const) {
      await range.getByRole("button", { name }).press("Enter");
      const most = async (chart: string) => slider(page, chart).getAttribute("aria-valuemax");
      await until(async () => (await most("Changes")) === String(days - 1), name);
      assert.equal(await most("Clusters by status"), String(days - 1));
      assert.equal(await most("Revenue in USD"), "11");
      assert.match(page.url(), new RegExp(`days=${days}$`));
      await accessible(page, name);
      await screenshot(page, `charts-${days}`);
    }
    await figure(page, "Clusters by location").getByText("Table").click();
    const lines = (await copied(page, "Clusters by location")).trimEnd().split("\n");
    assert.equal(lines.length, 91);
    // A spreadsheet must not take a location for a formula.
    assert.deepEqual(lines[0]?.split("\t").slice(1).sort(), ["'=<b>üs</b>", "eu"]);
    assert.match(lines[90] ?? "", /^20\d\d-\d\d-\d\dT00:00:00\.000Z\t1\t1$/);
    await page.goto(`${server.url}/#/dashboard/users`);
    await page.goBack();
    await slider(page, "Changes").waitFor();
    assert.equal(await slider(page, "Changes").getAttribute("aria-valuemax"), "89");
    const signedUp = async () => Number(/(\d+)$/.exec((await words(slider(page, "Sign-ups"))) ?? "")?.[1]);
    const before = await signedUp();
    await createClient({ url: server.url, token: token("charts_cat") }).user.me();
    await page.getByRole("button", { name: "Refresh" }).press("Enter");
    await until(async () => (await signedUp()) === before + 1, "the new user");
  }));

test("a range is one message, which does not ask for what is known", () =>
  explore(1280, DASHBOARD, async (page) => {
    await openStats(page);
    const messages: string[][] = [];
    page.on("request", (request) => {
      const body = request.postData() ?? "";
      if (!body.includes("admin.series")) return;
      messages.push(JSON.parse(body).map(({ params }: { params: { metric: string } }) => params.metric));
    });
    for (const [name, days] of [
      ["A year", 365],
      ["90 days", 90],
      ["A year", 365],
    ] as const) {
      await page.getByRole("button", { name }).press("Enter");
      const most = () => slider(page, "Changes").getAttribute("aria-valuemax");
      await until(async () => (await most()) === String(days - 1), name);
    }
    const pieces = messages.map((metrics) => metrics.filter((metric) => metric === "changes").length);
    // Changes are asked for by 31 days. Only the current ones grow, and what is left of 90 days is a piece of its own.
    assert.deepEqual(pieces, [12, 2, 1]);
    assert.deepEqual(
      messages.map(({ length }, index) => length - pieces[index]!),
      [6, 6, 6],
    );
    assert.equal(messages.flat().includes("revenue"), false);

    // The pieces are one after the other.
    await figure(page, "Changes").getByText("Table").click();
    const [, ...lines] = (await copied(page, "Changes")).trimEnd().split("\n");
    const times = lines.map((line) => Date.parse(line.split("\t")[0]!));
    assert.equal(times.length, 365);
    assert.ok(times.every((time, day) => time === times[0]! + day * 24 * 60 * 60 * 1000));
    const { lines: numbers } = await admin.admin.series({
      metric: "changes",
      from: new Date(times.at(-31)!).toISOString(),
    });
    assert.deepEqual(
      lines.slice(-31).map((line) => Number(line.split("\t")[1])),
      numbers[0]?.values,
    );

    // A refresh asks for all that may have changed.
    await page.getByRole("button", { name: "Refresh" }).press("Enter");
    const revenues = () => messages.flat().filter((metric) => metric === "revenue").length;
    await until(() => revenues() === 2, "the revenue, for the picture beside the number and for the chart");
  }));
