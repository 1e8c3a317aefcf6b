// A Next.js application in front of the old server and of clusterdesk, in a browser. Only an address in nginx's
// configuration differs; the last test has Next.js forward the calls, without nginx.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createTRPCClient, httpLink } from "@trpc/client";
import type { BrowserContext, Page } from "playwright-core";
import superjson from "superjson";
import { old } from "../old/server.ts";
import { application } from "../support/application.ts";
import { browser, complaints, screenshot } from "../support/browser.ts";
import { nginx } from "../support/nginx.ts";
import { freePort } from "../support/port.ts";
import type { AppRouter } from "../support/router.ts";
import { Server } from "../support/server.ts";
import { type Billing, stripe } from "../support/stripe.ts";
import { until } from "../support/until.ts";

const chrome = await browser();
const port = await freePort();
const app = `http://127.0.0.1:${port}`;
const billing = await stripe(app);
const next = await application({ app, api: app, price: billing.price });

const BACKENDS: Record<string, () => Promise<string>> = {
  "the old server": () => old(app, billing),
  clusterdesk: () => clusterdesk(app),
};

async function clusterdesk(origin: string, env: Record<string, string> = {}): Promise<string> {
  const server = await Server.start({
    APP_URL: origin,
    SESSION_COOKIES: "__session",
    JWT_AUTHORIZED_PARTIES: origin,
    TRUSTED_PROXIES: "127.0.0.1/32",
    STRIPE_API_BASE: billing.url,
    STRIPE_SECRET_KEY: billing.key,
    STRIPE_WEBHOOK_SECRET: billing.secret,
    STRIPE_PRO_MONTHLY_PRICE_ID: billing.price,
    ...env,
  });
  return server.url;
}

/** Requests of the page that failed. Those that a navigation ended have not. */
function failures(page: Page): string[] {
  const found: string[] = [];
  page.on("response", (response) => response.status() >= 400 && found.push(`${response.status()} ${response.url()}`));
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText;
    if (why !== "net::ERR_ABORTED") found.push(`${why} ${request.url()}`);
  });
  return found;
}

const source = async (context: BrowserContext, url: string) => (await context.request.get(url)).text();
const clusters = (page: Page) => page.locator("li strong").allInnerTexts();
const shows = (page: Page, ...names: string[]) =>
  until(async () => (await clusters(page)).join() === names.join(), `the clusters: ${names}`);

async function signIn(page: Page, at: string, user: string): Promise<void> {
  await page.goto(`${at}/dashboard`);
  assert.equal(page.url(), `${at}/sign-in`);
  await page.getByLabel("User").fill(user);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${at}/dashboard`);
  await until(async () => (await page.getByTestId("live").innerText()) === "pending", "live");
}

async function create(page: Page, name: string, plan: string): Promise<void> {
  const form = page.getByRole("form", { name: "New cluster" });
  await form.getByLabel("Name").fill(name);
  await form.getByLabel("Location").fill("eu");
  await form.getByLabel("Plan").selectOption(plan);
  await form.getByRole("button", { name: "Create" }).click();
}

/** Another client renames the only cluster of the page's user. The page shows it without loading again. */
async function renameElsewhere(page: Page, at: string, name: string): Promise<void> {
  await page.evaluate(() => (document.title = "not loaded again"));
  const session = (await page.context().cookies()).find((cookie) => cookie.name === "__session");
  const headers = { authorization: `Bearer ${session!.value}` };
  const links = [httpLink({ url: `${at}/api/trpc/edge`, transformer: superjson, headers })];
  const { k8s } = createTRPCClient<AppRouter>({ links });
  const [cluster] = await k8s.getClusters.query();
  await k8s.updateCluster.mutate({ id: cluster!.id, name });
  await shows(page, `${name} (FREE)`);
  assert.equal(await page.title(), "not loaded again");
}

async function upgrade(page: Page, at: string, shop: Billing): Promise<void> {
  await page.getByRole("button", { name: "Upgrade" }).click();
  await page.waitForURL(`${shop.url}/pay/*`);
  await page.getByRole("button", { name: "Pay" }).click();
  await page.waitForURL(`${at}/dashboard`);
  assert.equal(await page.getByRole("region", { name: "Plan" }).getByText("PRO").innerText(), "Pro: PRO");
}

for (const [name, start] of Object.entries(BACKENDS)) {
  test(`the application behind nginx: signs in, lists, changes, watches, pays and signs out with ${name}`, async () => {
    await nginx(port, await start(), next);
    const context = await chrome.newContext();
    const page = await context.newPage();
    const [complained, failed] = [complaints(page), failures(page)];

    await signIn(page, app, "user_next");
    assert.equal(await page.getByRole("heading").innerText(), "hello from the server");
    assert.equal(await page.getByRole("region", { name: "Plan" }).getByText("FREE").innerText(), "Free: FREE");
    await shows(page);
    await create(page, "first", "FREE");
    await shows(page, "first (FREE)");
    // The server component lists it too.
    assert.match(await source(context, `${app}/dashboard`), /<strong>first/);

    await page.getByLabel("New name").fill("second");
    await page.getByRole("button", { name: "Rename" }).click();
    await shows(page, "second (FREE)");
    await renameElsewhere(page, app, "elsewhere");
    await page.getByRole("button", { name: "Delete" }).click();
    await shows(page);

    await upgrade(page, app, billing);
    assert.equal(await page.getByRole("button", { name: "Upgrade" }).count(), 0);
    await create(page, "paid", "PRO");
    await shows(page, "paid (PRO)");
    await screenshot(page, `next-${name.replaceAll(" ", "-")}`);

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(`${app}/sign-in`);
    await page.goto(`${app}/dashboard`);
    assert.equal(page.url(), `${app}/sign-in`);
    assert.deepEqual([complained, failed], [[], []]);
    const refused = await context.request.get(`${app}/api/trpc/edge/k8s.getClusters`);
    assert.equal(refused.status(), 401);
    assert.equal((await refused.json()).error.json.data.code, "UNAUTHORIZED");
    assert.equal((await context.request.get(`${app}/api/health`)).status(), 200);
    await context.close();
  });
}

test("the application without nginx: Next.js forwards calls, live events, Stripe's events and the probe", async () => {
  const { rewrites } = JSON.parse(await readFile("next/.build/routes-manifest.json", "utf8"));
  const api = new URL(rewrites.beforeFiles[0].destination).origin;
  const own = await freePort();
  const at = `http://127.0.0.1:${own}`;
  const shop = await stripe(at);
  await clusterdesk(at, { BIND_ADDR: new URL(api).host, STRIPE_API_BASE: shop.url });
  await application({ app: at, api, price: billing.price }, own);
  const page = await chrome.newPage();
  const [complained, failed] = [complaints(page), failures(page)];
  await signIn(page, at, "user_rewrites");
  await create(page, "first", "FREE");
  await shows(page, "first (FREE)");
  await renameElsewhere(page, at, "elsewhere");
  await upgrade(page, at, shop);
  assert.equal((await (await page.request.get(`${at}/api/health`)).json()).status, "ready");
  assert.deepEqual([complained, failed], [[], []]);
  await page.close();
});

test("the example for server components is the application's", async () => {
  const [example, used] = await Promise.all([
    readFile("../../docs/examples/trpc-server.ts", "utf8"),
    readFile("next/trpc/server.ts", "utf8"),
  ]);
  assert.equal(example, used);
});
