// What the console loads: few requests, of which a reload repeats only those that may have changed.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { browser } from "../support/browser.ts";
import { Server } from "../support/server.ts";
import { person } from "../support/things.ts";
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

/** Reloads until the server, which may be busy, has sent the page with the answers to its first calls. */
async function reloaded(page: Page): Promise<Map<string, Seen>> {
  let seen = new Map<string, Seen>();
  const asked: string[] = [];
  page.on("request", (request) => void asked.push(request.postData() ?? ""));
  await until(async () => {
    asked.length = 0;
    seen = await load(page, () => page.reload());
    // What a list is about has names, which are asked for when it is there.
    return !asked.some((call) => /user\.me|admin\.(list|audit)/.test(call));
  }, "a reload without a call");
  seen.delete("POST /");
  return seen;
}

test("a cold start loads six files, and a reload only the page", async () => {
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
  assert.equal(cold.get("GET /openrpc.json")?.encoding, "gzip");
  const bytes = [...cold.values()].reduce((sum, one) => sum + one.bytes, 0);
  assert.ok(bytes < 120_000, `${bytes} bytes`);

  const again = await reloaded(fresh);
  for (const what of [...files, "GET /openrpc.json"]) assert.equal(again.get(what)?.cached, true, what);
  const repeated = [...again.values()].filter(({ cached, status }) => !cached && status === 200);
  assert.deepEqual(
    repeated.map(({ what }) => what),
    ["GET /"],
    "the page has the answer to who is signed in",
  );
});

/** Takes the answers out of the page, as it is for whoever comes from another site. */
const withoutAnswers = (page: Page) =>
  page.route(/\/(#.*)?$/, async (route) => {
    if (route.request().method() !== "GET") return route.fallback();
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace(/(id="answers">)[^<]*/, "$1") });
  });

test("a list is asked for once, while the server still says who is signed in", async () => {
  const page = await signedIn();
  await withoutAnswers(page);
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

test("a reload of a list asks for nothing: the page has its first rows", async () => {
  const name = "</script><img src=x onerror=\"document.title='owned'\">";
  const named = await person(server, "budget_named", name);
  await named.k8s.create({ name: "budget", location: "eu" });
  const page = await signedIn();
  // It would load the list again.
  await page.routeWebSocket(/.*/, () => {});
  const link = page.getByRole("main").getByRole("link", { name, exact: true });
  for (const tab of ["users", "clusters", "audit"]) {
    await page.goto(`${server.url}/#/dashboard/${tab}`);
    await page.getByRole("main").locator("tbody tr").first().waitFor();
    const seen = await reloaded(page);
    assert.deepEqual(
      [...seen.values()].filter(({ cached }) => !cached).map(({ what }) => what),
      ["GET /"],
      tab,
    );
    await page.getByRole("button", { name: "Account: Administrator, ADMIN" }).waitFor();
    if (tab === "users") await link.waitFor();
  }
  assert.doesNotMatch(await page.title(), /owned/);
});

test("answers that the place does not need are not kept until another one does", async () => {
  const page = await signedIn();
  await page.routeWebSocket(/.*/, () => {});
  // A server that is busy sends the page without answers.
  await until(async () => {
    await page.goto("about:blank");
    // Another tab of the browser was left there.
    await page.context().addCookies([{ name: "clusterdesk-place", value: "dashboard/users", url: server.url }]);
    const sent = await page.goto(`${server.url}/#/`);
    return (await sent?.text())?.includes("admin.listUsers") ?? false;
  }, "the page with the answer for another tab");
  await page.getByRole("button", { name: "Account: Administrator, ADMIN" }).waitFor();
  await person(server, "budget_later");
  await page.goto(`${server.url}/#/dashboard/users`);
  await page.getByRole("main").getByRole("link", { name: "Name of budget_later", exact: true }).waitFor();
});

test("a page with TLS does not believe answers by a cookie that a page without could have planted", async () => {
  const page = await signedIn();
  const asked: string[] = [];
  let isBound = false;
  // To the browser this is another server, with TLS.
  await page.route("https://console.test/**", async (route) => {
    const request = route.request();
    const path = new URL(request.url()).pathname + new URL(request.url()).search;
    const body = request.postData() ?? undefined;
    if (body !== undefined) asked.push(body);
    const cookies = await page.context().cookies(server.url);
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    const answer = await fetch(server.url + path, {
      method: request.method(),
      headers: { "content-type": "application/json", cookie, ...(body ? { origin: server.url } : {}) },
      ...(body ? { body } : {}),
    });
    const text = await answer.text();
    const headers = Object.fromEntries([...answer.headers].filter(([header]) => header !== "content-encoding"));
    if (body === undefined && path === "/") assert.match(text, /"bound":false/);
    await route.fulfill({
      status: answer.status,
      headers,
      body: isBound ? text.replace('"bound":false', '"bound":true') : text,
    });
  });
  const account = page.getByRole("button", { name: "Account: Administrator, ADMIN" });
  await page.goto("https://console.test/");
  await account.waitFor();
  assert.ok(asked.some((call) => call.includes("user.me")));
  isBound = true;
  asked.length = 0;
  await page.reload();
  await account.waitFor();
  assert.ok(!asked.some((call) => call.includes("user.me")));
});
