// A React page of another origin in a real browser: tRPC with TanStack Query, and clusterdesk's own client.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import type { Settings } from "../page/settings.ts";
import { browser, complaints, screenshot } from "../support/browser.ts";
import { frontend } from "../support/frontend.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const origin = await frontend();
const foreign = await frontend();
const server = await Server.start({ APP_URL: origin });
const chrome = await browser();

async function open(at: string, user: string, live: Settings["live"], width = 1280): Promise<Page> {
  const context = await chrome.newContext({ viewport: { width, height: 800 } });
  const page = await context.newPage();
  const settings: Settings = { url: server.url, token: token(user), live };
  await page.addInitScript((given) => Object.assign(globalThis, { settings: given }), settings);
  await page.goto(at);
  return page;
}

const texts = (page: Page, id: string) => page.getByTestId(id).getByRole("listitem").allInnerTexts();

for (const live of ["sse", "websocket"] as const) {
  test(`the page lists, creates and deletes clusters, and sees changes by others over ${live}`, async () => {
    const user = `browser_${live}`;
    const page = await open(origin, user, live);
    const wrong = complaints(page);
    const trpc = page.getByRole("region", { name: "tRPC", exact: true });
    const jsonrpc = page.getByRole("region", { name: "JSON-RPC" });
    await until(async () => (await page.getByTestId("live").innerText()) === "pending", "live");
    await page
      .getByTestId("me")
      .filter({ hasText: new RegExp(`^${user}, since \\d{4}$`) })
      .waitFor();

    // An invalid form shows the issues at its fields.
    await trpc.getByLabel("name").fill("Not Valid");
    await trpc.getByRole("button", { name: "Create" }).click();
    await until(async () => (await page.getByTestId("error-name").innerText()) !== "", "an error at the name");
    assert.notEqual(await page.getByTestId("error-location").innerText(), "");
    assert.equal(await page.getByTestId("error").innerText(), "BAD_REQUEST");
    await screenshot(page, `frontend-errors-${live}`);

    // A valid one creates a cluster, which appears in both lists.
    await trpc.getByLabel("name").fill("first");
    await trpc.getByLabel("location").fill("eu");
    await trpc.getByRole("button", { name: "Create" }).click();
    await until(
      async () => (await jsonrpc.getByRole("listitem").allInnerTexts()).includes("first: PENDING"),
      "the cluster in the other list",
    );
    await until(
      async () => (await texts(page, "clusters"))[0]?.startsWith("first: PENDING"),
      "the cluster in the list",
    );
    assert.equal(await page.getByTestId("error").innerText(), "");

    // A change by another client appears.
    const elsewhere = createClient({ url: server.url, token: token(user) });
    const [cluster] = await elsewhere.k8s.list();
    await elsewhere.k8s.update({ id: cluster!.id, name: "renamed" });
    await until(
      async () => (await jsonrpc.getByRole("listitem").allInnerTexts()).includes("renamed: PENDING"),
      "the new name in the other list",
    );
    await until(async () => (await texts(page, "clusters"))[0]?.startsWith("renamed"), "the new name");
    await screenshot(page, `frontend-live-${live}`);

    await trpc.getByRole("button", { name: "Delete" }).click();
    await until(async () => (await texts(page, "clusters")).length === 0, "an empty list");
    await until(async () => (await texts(page, "deleted")).includes("renamed"), "the deleted cluster");
    await until(async () => (await texts(page, "events")).at(-1) === "deleted", "its event");
    assert.deepEqual(await texts(page, "events"), ["ready", "created", "updated", "deleted"]);

    // Pagination.
    for (const name of ["second", "third"]) {
      const { id } = await elsewhere.k8s.create({ name, location: "eu" });
      await elsewhere.k8s.delete({ id });
    }
    await until(async () => (await texts(page, "events")).length === 8, "all events");
    await page.getByRole("button", { name: "More" }).click();
    await until(async () => (await texts(page, "deleted")).length === 3, "the second page");
    assert.deepEqual(await texts(page, "deleted"), ["third", "second", "renamed"]);
    assert.deepEqual(
      wrong.filter((text) => !/400|Bad Request/.test(text)),
      [],
    );
    await page.context().close();
  });
}

test("clusterdesk's own client shows the issues at their fields", async () => {
  const page = await open(origin, "browser_issues", "websocket", 360);
  const jsonrpc = page.getByRole("region", { name: "JSON-RPC" });
  await jsonrpc.getByLabel("name").fill("Not Valid");
  await jsonrpc.getByRole("button", { name: "Create" }).click();
  await until(async () => (await jsonrpc.locator("em").count()) === 2, "two issues");
  await screenshot(page, "frontend-issues-360");
  await page.context().close();
});

test("the page reconnects after a restart of the server", async () => {
  const page = await open(origin, "browser_away", "websocket");
  const jsonrpc = page.getByRole("region", { name: "JSON-RPC" });
  await until(async () => (await texts(page, "events")).includes("ready"), "live");
  await server.stop();
  await server.launch();
  await createClient({ url: server.url, token: token("browser_away") }).k8s.create({
    name: "meanwhile",
    location: "eu",
  });
  await until(async () => (await texts(page, "clusters"))[0]?.startsWith("meanwhile"), "the cluster");
  await until(
    async () => (await jsonrpc.getByRole("listitem").allInnerTexts()).includes("meanwhile: PENDING"),
    "the cluster in the other list",
  );
  await page.context().close();
});

test("a page of another origin is refused over HTTP and WebSocket", async () => {
  const page = await open(foreign, "browser_foreign", "websocket");
  const wrong = complaints(page);
  await until(
    () => wrong.some((text) => /CORS/.test(text)) && wrong.some((text) => /WebSocket/.test(text)),
    "refusals",
  );
  await page.getByTestId("me").filter({ hasText: "Failed to fetch" }).waitFor();
  assert.deepEqual(await texts(page, "events"), []);
  await page.context().close();
});
