// The explorer's batches.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser, screenshot } from "../support/browser.ts";
import { explorer, fits, go, signIn } from "../support/explorer.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const explore = explorer(await browser(), server);

const outcome = (page: Page) => page.getByRole("region", { name: "Outcome" });

for (const width of [1920, 1280, 360]) {
  test(`${width} px: collected calls are sent as one, and each gets its own answer, in order`, () =>
    explore(width, "/#/hello.hello", async (page) => {
      const user = `batch_${width}`;
      await signIn(page, token(user));
      const collect = page.getByRole("button", { name: "Add to batch" });
      // An invalid call is not collected.
      await collect.click();
      await page.getByText("Nothing was sent.").waitFor();
      await page.getByRole("textbox", { name: "text" }).fill("batch");
      await collect.click();
      await page.getByText("one call is in the batch").waitFor();
      await go(page, "k8s.get");
      await page.getByRole("textbox", { name: "id" }).fill("999999");
      await collect.click();
      await go(page, "k8s.create");
      await page.getByRole("textbox", { name: "name" }).fill("in-a-batch");
      await page.getByRole("textbox", { name: "location" }).fill("eu");
      await collect.press("Enter");
      await go(page, "user.me");
      await collect.click();
      await page.getByRole("link", { name: "4 calls are" }).click();

      const items = page.getByRole("list", { name: "Calls" }).getByRole("listitem");
      await until(async () => (await items.count()) === 4, "four calls");
      await page.getByRole("button", { name: "Remove 4. user.me" }).click();
      await until(async () => (await items.count()) === 3, "three calls");
      const sent: string[] = [];
      page.on("request", (request) => void (request.method() === "POST" && sent.push(request.postData() ?? "")));
      await page.getByRole("button", { name: "Send 3 calls" }).press("Enter");
      await outcome(page).getByText("2 succeeded, 1 failed").waitFor();
      const texts = await items.allInnerTexts();
      assert.match(texts[0]!, /hello\.hello[\s\S]*OK[\s\S]*hello batch/);
      assert.match(texts[1]!, /k8s\.get[\s\S]*NOT_FOUND/);
      assert.match(texts[2]!, /k8s\.create[\s\S]*OK[\s\S]*"in-a-batch"/);
      assert.match(await outcome(page).innerText(), /\d ms/);
      assert.equal(sent.length, 1);
      const messages = JSON.parse(sent[0]!) as { method: string; idempotencyKey?: string }[];
      assert.deepEqual(
        messages.map(({ method, idempotencyKey }) => [method, idempotencyKey !== undefined]),
        [
          ["hello.hello", false],
          ["k8s.get", false],
          ["k8s.create", true],
        ],
      );
      await accessible(page, "an answered batch");
      await screenshot(page, `batch-${width}`);
      await fits(page, "batch");
      assert.equal((await createClient({ url: server.url, token: token(user) }).k8s.list()).length, 1);
      await page.getByRole("button", { name: "Remove all" }).click();
      await page.getByText("No calls yet.").waitFor();
    }));
}

test("a batch without an answer is repeated with the same keys, and deletes only after a question", () =>
  explore(1280, "/#/k8s.create", async (page) => {
    const client = createClient({ url: server.url, token: token("batch_lost") });
    await signIn(page, token("batch_lost"));
    await page.getByRole("textbox", { name: "name" }).fill("once");
    await page.getByRole("textbox", { name: "location" }).fill("eu");
    await page.getByRole("button", { name: "Add to batch" }).click();
    await go(page, "Batch");
    let isLost = false;
    await page.route(`${server.url}/`, async (route) => {
      if (isLost || route.request().method() !== "POST") return route.continue();
      isLost = true;
      await route.fetch();
      await route.abort("connectionreset");
    });
    await page.getByRole("button", { name: "Send 1 call" }).click();
    await outcome(page).getByText("NETWORK_ERROR").waitFor();
    await page.getByText("no answer").waitFor();
    await page.getByRole("button", { name: "Send 1 call" }).click();
    await outcome(page).getByText("1 succeeded, 0 failed").waitFor();
    await page.getByText("stored answer to an earlier call").waitFor();
    const [cluster] = await client.k8s.list();
    assert.equal(cluster!.name, "once");

    await page.getByRole("button", { name: "Remove all" }).click();
    await go(page, "k8s.delete");
    await page.getByRole("textbox", { name: "id" }).fill(String(cluster!.id));
    await page.getByRole("button", { name: "Add to batch" }).click();
    await go(page, "Batch");
    const dialog = page.getByRole("alertdialog");
    await page.getByRole("button", { name: "Send 1 call" }).click();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal((await client.k8s.list()).length, 1);
    await page.getByRole("button", { name: "Send 1 call" }).click();
    await dialog.getByRole("button", { name: "Yes, send" }).click();
    await outcome(page).getByText("1 succeeded, 0 failed").waitFor();
    assert.equal((await client.k8s.list()).length, 0);
  }));

test("a batch that is refused as a whole stays as it is", () =>
  explore(1280, "/#/hello.hello", async (page) => {
    await page.getByRole("textbox", { name: "text" }).fill("x");
    await page.getByRole("button", { name: "Add to batch" }).click();
    await go(page, "Batch");
    await page.route(`${server.url}/`, (route) =>
      route.request().method() === "POST" ? route.abort("connectionrefused") : route.continue(),
    );
    await page.getByRole("button", { name: "Send 1 call" }).click();
    await outcome(page).getByText("The server could not be reached.").waitFor();
    await page.unroute(`${server.url}/`);
    await page.getByRole("button", { name: "Send 1 call" }).click();
    // Each call is authorised by itself.
    await outcome(page).getByText("0 succeeded, 1 failed").waitFor();
    await page.getByText("UNAUTHORIZED").first().waitFor();
  }));
