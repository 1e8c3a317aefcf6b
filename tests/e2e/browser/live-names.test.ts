// The live events of the explorer: users and clusters have names, and their ids can be copied.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser, screenshot } from "../support/browser.ts";
import { explorer, fits, go, signIn } from "../support/explorer.ts";
import { copied, LOOKS } from "../support/lists.ts";
import { Server } from "../support/server.ts";
import { person } from "../support/things.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const adminToken = await server.adminToken();
const explore = explorer(await browser(), server);

const events = (page: Page) => page.getByRole("list", { name: "Events" }).getByRole("listitem");
const event = (page: Page, text: string | RegExp) => events(page).filter({ hasText: text }).first();

async function startWatching(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Start watching" }).press("Enter");
  await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Live." }).waitFor();
}

/** Presses a button of an event, and waits until the clipboard has this. */
async function copies(page: Page, line: string | RegExp, button: string, text: string): Promise<void> {
  await event(page, line)
    .getByRole("button", { name: `Copy ${button}`, exact: true })
    .press("Enter");
  await until(async () => (await copied(page)) === text, `a copy of ${button}`);
}

for (const [width, colorScheme] of LOOKS) {
  test(`${width} px: events name the owner of a cluster, and who has changed what`, () =>
    explore(
      width,
      "/",
      async (page) => {
        const id = `live_names_${width}_${"x".repeat(30)}`;
        const user = await person(server, id, `Ada <b>${width}</b> 👩‍🚀`);
        const name = `Ada <b>${width}</b> 👩‍🚀`;
        await signIn(page, adminToken);
        await go(page, "Live");
        await startWatching(page);
        const cluster = await user.k8s.create({ name: "watched", location: "eu" });
        const created = event(page, "created");
        await created.filter({ hasText: name }).waitFor();
        const line = created.locator("summary");
        assert.doesNotMatch(await line.innerText(), /live_names/);
        assert.equal(await line.locator(".person").getAttribute("title"), `\u2068${name}\u2069 (${id})`);
        assert.match(await line.innerText(), new RegExp(`watched #${cluster.id}`));
        await line.press("Enter");
        await copies(page, "created", "the owner's id", id);
        await copies(page, "created", "the cluster's id", String(cluster.id));
        await accessible(page, "an event with names");
        await screenshot(page, `live-names-${width}`);
        await fits(page, "an event with names");
        assert.equal(await created.locator("b").count(), 0);
        await created.getByRole("link", { name }).press("Enter");
        await page.getByRole("heading", { level: 1, name }).waitFor();

        await go(page, "admin.watchAudit");
        await startWatching(page);
        await user.user.updateName({ name: `${name} again` });
        const renamed = event(page, "user.updateName");
        await renamed.filter({ hasText: name }).waitFor();
        assert.doesNotMatch(await renamed.locator("summary").innerText(), /live_names/);
        await renamed.locator("summary").press("Enter");
        await copies(page, "user.updateName", "the actor's id", id);
        // Both are the same id.
        await page.evaluate(() => navigator.clipboard.writeText("something else"));
        await copies(page, "user.updateName", "the id of the user", id);
        await user.k8s.delete({ id: cluster.id });
        const announced = page.getByRole("status", { name: "Announcements" });
        await announced.filter({ hasText: /k8s\.delete by Ada/ }).waitFor();
        const deleted = event(page, "k8s.delete");
        await deleted.locator("summary").press("Enter");
        await copies(page, "k8s.delete", "the id of the cluster", String(cluster.id));
        await accessible(page, "changes with names");
        await fits(page, "changes with names");
        await deleted.getByRole("link", { name: `#${cluster.id}` }).press("Enter");
        await page.getByRole("heading", { level: 1, name: "watched" }).waitFor();
      },
      { colorScheme },
    ));
}

test("a user sees their own name, and asks for none", () =>
  explore(1280, "/", async (page) => {
    const user = await person(server, "live_own", "Ada of my own");
    await signIn(page, token("live_own"));
    const asked: string[] = [];
    page.on("request", (request) => void asked.push(request.postData() ?? ""));
    await go(page, "Live");
    await startWatching(page);
    await user.k8s.create({ name: "mine", location: "eu" });
    await event(page, "created").filter({ hasText: "Ada of my own" }).waitFor();
    await event(page, "created").locator("summary").press("Enter");
    await copies(page, "created", "the owner's id", "live_own");
    assert.equal(await event(page, "created").getByRole("link").count(), 0);
    assert.equal(asked.filter((body) => body.includes("admin.")).length, 0);
  }));
