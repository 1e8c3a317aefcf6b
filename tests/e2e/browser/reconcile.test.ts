// One user is reconciled with Stripe from the dashboard's tab about it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { billed } from "../support/billed.ts";
import { browser } from "../support/browser.ts";
import { explorer, signIn } from "../support/explorer.ts";
import { dialog, LOOKS } from "../support/lists.ts";
import { person, region, said, tabTo, wellMade } from "../support/things.ts";
import { until } from "../support/until.ts";

const stripe = await billed({});
const { server } = stripe;
const adminToken = await server.adminToken();
const explore = explorer(await browser(), server);

const part = (page: Page) => region(page, "Reconcile");
const found = (page: Page) => part(page).getByRole("list", { name: "Users found" }).getByRole("listitem");

for (const [width, colorScheme] of LOOKS) {
  test(`${width} px: a user is found as one types, by keyboard alone, and Stripe is asked after a question`, () =>
    explore(
      width,
      "/",
      async (page) => {
        const [one, other] = [`reconciled_${width}_one`, `reconciled_${width}_other`];
        await person(server, one, `<b>Ada</b> ${width}`);
        await person(server, other, `Ben ${width}`);
        await stripe.subscribe(one);
        const asked: string[] = [];
        page.on("request", (request) => void asked.push(request.postData() ?? ""));
        const times = () => asked.filter((body) => body.includes('"admin.reconcileUser"')).length;
        await signIn(page, adminToken);
        await page.goto(`${server.url}/#/dashboard/stripe`);
        await part(page).waitFor();
        await tabTo(page, "Find a user");
        await page.keyboard.type(`reconciled_${width}`, { delay: 5 });
        await until(async () => (await found(page).count()) === 2, "two users");
        await page.keyboard.type("_one");
        await until(async () => (await found(page).count()) === 1, "one user");
        assert.match(await found(page).innerText(), new RegExp(`<b>Ada</b> ${width}[\\s\\S]*${one}`));
        await wellMade(page, `reconcile-${width}`);
        await tabTo(page, new RegExp(`^Ask Stripe about .*${one}`));
        await page.keyboard.press("Enter");
        assert.match(await dialog(page).innerText(), /A state that is newer than the one here is applied/);
        assert.match(await dialog(page).innerText(), new RegExp(one));
        await page.keyboard.press("Enter");
        await dialog(page).waitFor({ state: "hidden" });
        assert.equal(times(), 0);
        await page.keyboard.press("Enter");
        await tabTo(page, "Ask Stripe");
        await page.keyboard.press("Enter");
        await said(page, new RegExp(`Stripe was asked\\.[\\s\\S]*sub_${one}`)).waitFor();
        assert.equal(times(), 1);
        await tabTo(page, /^Ask Stripe about/);

        await part(page).getByRole("searchbox", { name: "Find a user" }).fill("reconciled_nobody");
        await part(page).getByText("No users match.").waitFor();
        await wellMade(page, `reconcile-nobody-${width}`);
        await part(page).getByRole("searchbox", { name: "Find a user" }).fill("");
        await part(page).getByText("No users match.").waitFor({ state: "hidden" });
        assert.match(await part(page).innerText(), /clusterdesk webhooks reconcile --dry-run/);
      },
      { colorScheme },
    ));
}

test("only the first users are shown, and who types stays in the field while the numbers change", () =>
  explore(1280, "/", async (page) => {
    for (let number = 0; number < 6; number += 1) await person(server, `crowd_${number}`);
    await page.clock.install();
    await signIn(page, adminToken);
    await page.goto(`${server.url}/#/dashboard/stripe`);
    const field = part(page).getByRole("searchbox", { name: "Find a user" });
    await field.fill("crowd_");
    await part(page).getByText("The first 5. Type more to find others.").waitFor();
    assert.equal(await found(page).count(), 5);
    await page.clock.pauseAt(Date.now() + 10_000);
    await field.focus();
    await stripe.failing("crowd_0");
    await page.clock.runFor(30_200);
    await region(page, "Account").getByText("1 failed event waits").waitFor();
    assert.equal(await field.inputValue(), "crowd_");
    assert.equal(await field.evaluate((one) => one === document.activeElement), true);
  }));
