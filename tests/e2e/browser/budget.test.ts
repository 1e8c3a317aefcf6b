// What the console loads: few requests, of which a reload repeats only those that may have changed.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { browser } from "../support/browser.ts";
import { Server } from "../support/server.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const chrome = await browser();

interface Seen {
  what: string;
  cached: boolean;
  status: number;
  caching: string | undefined;
  encoding: string | undefined;
  bytes: number;
}

/** What `visit` loads, until the page is usable. */
async function load(page: Page, visit: () => Promise<unknown>): Promise<Map<string, Seen>> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Network.enable");
  const seen = new Map<string, Seen>();
  const cached = new Set<string>();
  const methods = new Map<string, string>();
  cdp.on("Network.requestWillBeSent", ({ requestId, request }) => void methods.set(requestId, request.method));
  cdp.on("Network.requestServedFromCache", ({ requestId }) => void cached.add(requestId));
  cdp.on("Network.responseReceived", ({ requestId, response: { url, status, headers, fromDiskCache } }) => {
    const header = (name: string) => Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
    // Without the hash of the content.
    const what = `${methods.get(requestId)} ${new URL(url).pathname.replace(/-[\w-]{16}\./, ".")}`;
    seen.set(requestId, {
      what,
      status,
      cached: fromDiskCache || cached.has(requestId),
      caching: header("cache-control"),
      encoding: header("content-encoding"),
      bytes: 0,
    });
  });
  cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const one = seen.get(requestId);
    if (one !== undefined) one.bytes = encodedDataLength;
  });
  // What the server said: a page that is still valid counts as found otherwise.
  const statuses = new Map<string, number>();
  cdp.on("Network.responseReceivedExtraInfo", ({ requestId, statusCode }) => void statuses.set(requestId, statusCode));
  await visit();
  await page.getByRole("main").locator("tbody tr, section li").first().waitFor();
  await cdp.detach();
  return new Map([...seen].map(([id, one]) => [one.what, { ...one, status: statuses.get(id) ?? one.status }]));
}

/** A page in a new profile, which has an admin's cookie and no cache. */
async function signedIn(): Promise<Page> {
  const page = await (await chrome.newContext()).newPage();
  await page.goto(await server.consoleLink());
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: /^Account: / }).waitFor();
  return (await chrome.newContext({ storageState: await page.context().storageState() })).newPage();
}

test("a cold start loads six files and calls once, and a reload loads no file again", async () => {
  const fresh = await signedIn();
  const cold = await load(fresh, () => fresh.goto(`${server.url}/#/`));
  const files = ["GET /docs/console.css", "GET /docs/console.js", "GET /docs/prelude.js"];
  const known = ["GET /", ...files, "GET /docs/icon.svg", "GET /openrpc.json", "POST /"];
  assert.deepEqual(
    [...cold.keys()].filter((what) => !known.includes(what)),
    [],
  );
  for (const what of files) {
    assert.deepEqual(
      [cold.get(what)?.caching, cold.get(what)?.encoding],
      ["public, max-age=31536000, immutable", "gzip"],
      what,
    );
  }
  for (const what of ["GET /", "GET /openrpc.json"]) assert.equal(cold.get(what)?.encoding, "gzip", what);
  const bytes = [...cold.values()].reduce((sum, one) => sum + one.bytes, 0);
  assert.ok(bytes < 120_000, `${bytes} bytes`);

  const again = await load(fresh, () => fresh.reload());
  for (const what of files) assert.equal(again.get(what)?.cached, true, what);
  const repeated = [...again.values()].filter(({ cached, status }) => !cached && status === 200);
  assert.deepEqual(
    repeated.map(({ what }) => what),
    ["POST /"],
    "only the call that asks who is signed in",
  );
});

test("a list is asked for once, while the server still says who is signed in", async () => {
  const page = await signedIn();
  const asked: string[] = [];
  await page.route("**/", async (route) => {
    const call = route.request().postData() ?? "";
    if (call.includes("admin.listUsers")) asked.push(call);
    if (call.includes("user.me")) await until(() => asked.length === 1, "the list to be asked for");
    await route.continue();
  });
  // It would load the list again.
  await page.routeWebSocket(/.*/, () => {});
  await page.goto(`${server.url}/#/dashboard/users`);
  await page.getByRole("main").locator("tbody tr").first().waitFor();
  assert.equal(asked.length, 1);
});
