// Nothing breaks inside a word or is too wide, at any width, whatever people call themselves and their things.
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { billed } from "../support/billed.ts";
import { browser } from "../support/browser.ts";
import { choose, explorer, signIn, unbroken } from "../support/explorer.ts";
import { dialog } from "../support/lists.ts";
import { person, region, said } from "../support/things.ts";
import { token } from "../support/token.ts";

const stripe = await billed({});
const { server } = stripe;
const adminToken = await server.adminToken();
const explore = explorer(await browser(), server);

/** Each is longer than a line of a phone. */
const LONG = {
  name: "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft",
  id: `words|${"x".repeat(80)}`,
  cluster: `words-${"c".repeat(90)}`,
  location: "L".repeat(50),
};
const named = await person(server, LONG.id, LONG.name);
const { id: clusterId } = await named.k8s.create({ name: LONG.cluster, location: LONG.location });
await named.token.create({ name: LONG.name.repeat(2).slice(0, 100), scope: "read" });
const unnamed = createClient({ url: server.url, token: token(`unnamed|${"y".repeat(80)}`) });
await unnamed.k8s.create({ name: "web", location: "eu" });
await stripe.subscribe(LONG.id);
await stripe.failing(LONG.id);

const WIDTHS = [320, 360, 480, 768, 1024, 1280, 1920];

/** Looks at what is shown at all widths, and leaves a phone's. */
async function look(page: Page, what: string): Promise<void> {
  await page.getByText("Loading…").first().waitFor({ state: "hidden" });
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    await unbroken(page, `${what} at ${width} px`);
  }
  await page.setViewportSize({ width: 360, height: 800 });
}

async function visit(page: Page, hash: string): Promise<void> {
  await page.goto(`${server.url}/#/${hash}`);
  await page.getByRole("heading", { level: 1 }).first().waitFor();
}

test("the page of every procedure", () =>
  explore(360, "/", async (page) => {
    const { methods } = (await (await fetch(`${server.url}/openrpc.json`)).json()) as { methods: { name: string }[] };
    for (const { name } of methods) {
      await visit(page, name);
      await look(page, name);
    }
  }));

test("everything else: pages, notices, questions and answers", () =>
  explore(360, "/", async (page) => {
    await signIn(page, adminToken);
    const user = encodeURIComponent(LONG.id);
    const places = ["", "nowhere", "environments", "access/tokens", `access/tokens?userId=${user}`, "access/sessions"];
    const tabs = ["stats", "users", "clusters", "audit", "traffic", "stripe", "health"].map(
      (tab) => `dashboard/${tab}`,
    );
    for (const place of [...places, ...tabs, `user/${user}`, `cluster/${clusterId}`]) {
      await visit(page, place);
      await look(page, place);
    }

    await visit(page, `user/${user}`);
    for (const name of [/^Make admin/, /^Soft-delete/, /^Delete for good/, /^Ask Stripe/]) {
      await page.getByRole("button", { name }).press("Enter");
      await dialog(page).waitFor();
      await look(page, `the question of ${name}`);
      await dialog(page).getByRole("button", { name: "Cancel" }).press("Enter");
    }
    await page.getByRole("button", { name: /^Make admin/ }).press("Enter");
    await dialog(page).getByRole("button", { name: "Make admin" }).press("Enter");
    await said(page, /is ADMIN now/).waitFor();
    await look(page, "a notice about a user");
    await page.getByRole("button", { name: /^Ask Stripe/ }).press("Enter");
    await dialog(page).getByRole("button", { name: "Ask Stripe" }).press("Enter");
    await said(page, /Stripe was asked/).waitFor();
    await look(page, "what Stripe said");

    await visit(page, "dashboard/stripe");
    await choose(page, /^Actions: event evt_failed/, "Replay…");
    await look(page, "the question before a replay");
    await dialog(page).getByRole("button", { name: "Replay" }).press("Enter");
    await said(page, /failed again/).waitFor();
    await look(page, "a notice about an event");

    await visit(page, "access/tokens");
    await page.getByRole("form", { name: "New token" }).getByLabel("name").fill("W".repeat(100));
    await page.getByRole("combobox", { name: "scope" }).selectOption("read");
    await page.getByRole("button", { name: "Make a token" }).press("Enter");
    await said(page, /never shown again/).waitFor();
    await look(page, "a new token");

    await page.goto(`${server.url}/#/admin.getUser?input=${encodeURIComponent(JSON.stringify({ userId: LONG.id }))}`);
    await page.getByRole("button", { name: "Call admin.getUser" }).press("Enter");
    await region(page, "Result").getByText(LONG.name).first().waitFor();
    await region(page, "Result").getByText("Headers", { exact: true }).press("Enter");
    await look(page, "an answer with its headers");
    await page.getByRole("button", { name: "Save…" }).press("Enter");
    await page.getByRole("dialog").getByLabel("Name").fill(LONG.name);
    await look(page, "the dialog to save a call");
    await page.getByRole("dialog").getByLabel("Name").press("Enter");
    await page.getByRole("button", { name: "Add to batch" }).press("Enter");
    await visit(page, "calls");
    await look(page, "saved calls");
    await visit(page, "batch");
    await page.getByRole("button", { name: "Send 1 call" }).press("Enter");
    await page.getByText("1 succeeded, 0 failed", { exact: true }).waitFor();
    await look(page, "an answered batch");
    await visit(page, "environments");
    const form = page.getByRole("form", { name: "Add a token" });
    await form.getByLabel("Name").fill(LONG.name);
    await form.getByLabel("Token").fill(token(LONG.id));
    await form.getByLabel("Token").press("Enter");
    await page.getByRole("list", { name: "Named tokens" }).getByText(LONG.name).first().waitFor();
    await look(page, "named tokens");
    await visit(page, "k8s.watch");
    await page.getByRole("button", { name: "Start watching" }).press("Enter");
    await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Live." }).waitFor();
    await named.k8s.update({ id: clusterId, location: "M".repeat(50) });
    const updated = page.getByRole("list", { name: "Events" }).getByRole("listitem").filter({ hasText: "updated" });
    await updated.first().locator("summary").press("Enter");
    await updated.first().locator("details[open]").waitFor();
    await look(page, "an event");
  }));
