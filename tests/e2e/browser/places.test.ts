// Every place of the explorer that no other test looks at, at three widths and in both themes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser, screenshot } from "../support/browser.ts";
import { explorer, fits, signIn } from "../support/explorer.ts";
import { Server } from "../support/server.ts";
import { person } from "../support/things.ts";
import { token } from "../support/token.ts";

const server = await Server.start();
const adminToken = await server.adminToken();
const explore = explorer(await browser(), server);

const WIDTHS = [360, 1280, 1920];

/** Looks at what is shown at these widths. */
async function look(page: Page, what: string, widths = WIDTHS): Promise<void> {
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    await page.evaluate(() => scrollTo(0, 0));
    await accessible(page, `${what}, ${width} px`);
    await fits(page, what);
    await screenshot(page, `places-${what.replaceAll(" ", "-")}-${width}`);
  }
}

const go = (page: Page, hash: string) => page.goto(`${server.url}/${hash}`);
const h1 = (page: Page, name: string) => page.getByRole("heading", { level: 1, name });

test("the places of everybody", () =>
  explore(1280, "/", async (page) => {
    await h1(page, "clusterdesk").waitFor();
    await look(page, "overview");
    await go(page, "#/nowhere");
    await h1(page, "Not found").waitFor();
    await look(page, "not found");
    await page.getByRole("banner").getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("dialog", { name: "Sign in" }).waitFor();
    await look(page, "sign-in dialog");
  }));

test("the places of a user", () =>
  explore(1280, "/", async (page) => {
    const user = await person(server, "places_user", "Wolfeschlegelsteinhausenbergerdorff ".repeat(2));
    await user.k8s.create({ name: "web", location: "eu" });
    await user.token.create({ name: "deploy", scope: "read" });
    await signIn(page, token("places_user"));
    await page
      .getByRole("banner")
      .getByRole("button", { name: /^Account/ })
      .click();
    await page.getByRole("dialog", { name: "Signed in" }).waitFor();
    await look(page, "account dialog");
    await page.getByRole("button", { name: "Close" }).click();
    await go(page, "#/k8s.list");
    await page.getByRole("button", { name: "Call k8s.list" }).click();
    await page.getByRole("region", { name: "Result", exact: true }).getByText('"web"').waitFor();
    await look(page, "procedure");
    await page.getByRole("button", { name: "Add to batch" }).click();
    await page.getByRole("button", { name: "Save…" }).click();
    await page.getByRole("dialog", { name: "Save this call" }).waitFor();
    await look(page, "save dialog");
    await page.getByRole("dialog").getByLabel("Name").fill("all of mine");
    await page.getByRole("dialog").getByLabel("Name").press("Enter");
    await go(page, "#/batch");
    await page.getByRole("button", { name: "Send 1 call" }).click();
    await page.getByText("1 succeeded, 0 failed").waitFor();
    await look(page, "batch", [1920]);
    await go(page, "#/calls");
    await page.getByRole("list", { name: "Saved", exact: true }).getByText("all of mine").waitFor();
    await look(page, "saved calls", [1920]);
    await go(page, "#/environments");
    await page.getByRole("list", { name: "Named tokens" }).getByText("Wolfe").first().waitFor();
    await look(page, "environments");
    await go(page, "#/access/tokens");
    await page.getByRole("row").filter({ hasText: "deploy" }).waitFor();
    await look(page, "tokens", [1920]);
    await go(page, "#/access/sessions");
    await page.getByText("No sessions match.").waitFor();
    await look(page, "no sessions");
  }));

test("lists that are empty or can not be loaded", () =>
  explore(1280, "/", async (page) => {
    await createClient({ url: server.url, token: token("places_listed") }).user.me();
    await signIn(page, adminToken);
    await go(page, "#/dashboard/users?search=places_of_nobody");
    await page.getByText("No users match.").waitFor();
    await look(page, "empty list");
    assert.equal(await page.getByRole("button", { name: "Export CSV" }).isVisible(), false);
    const main = page.getByRole("main");
    await page.route("**/", (route) =>
      route.request().postData()?.includes("admin.listUsers") ? route.abort("connectionrefused") : route.continue(),
    );
    await page.getByRole("button", { name: "Reset" }).click();
    await main.getByText("NETWORK_ERROR").waitFor();
    await look(page, "list with an error");
    await page.unroute("**/");
    await main.getByRole("button", { name: "Try again" }).press("Enter");
    await main.getByRole("row").filter({ hasText: "places_listed" }).waitFor();
    assert.equal(await main.getByText("NETWORK_ERROR").count(), 0);
  }));
