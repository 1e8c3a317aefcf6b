// The question before a call that has a consequence: from a form, from a saved call, and in a batch.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser } from "../support/browser.ts";
import { explorer, go, signIn } from "../support/explorer.ts";
import { dialog, LOOKS } from "../support/lists.ts";
import { Server } from "../support/server.ts";
import { person } from "../support/things.ts";

interface Method {
  name: string;
  deprecated?: boolean;
  examples: { params: { name: string; value: unknown }[] }[];
  "x-kind": string;
  "x-consequence"?: string;
}

const server = await Server.start();
const adminToken = await server.adminToken();
const admin = createClient({ url: server.url, token: adminToken });
const explore = explorer(await browser(), server);
const document = (await (await fetch(`${server.url}/openrpc.json`)).json()) as { methods: Method[] };
const mutations = document.methods.filter((method) => method["x-kind"] === "mutation" && !method.deprecated);

/** Opens a procedure's page with an input in its form. */
async function open(page: Page, procedure: string, input: object): Promise<void> {
  const filled = page.getByText("The link has filled in the form.");
  // That of the page before.
  await filled.evaluateAll((notices) => {
    for (const notice of notices) notice.setAttribute("data-before", "");
  });
  await page.goto(`${server.url}/#/${procedure}?input=${encodeURIComponent(JSON.stringify(input))}`);
  await filled.and(page.locator(":not([data-before])")).waitFor();
}

const answer = (page: Page, name: string) => dialog(page).getByRole("button", { name, exact: true }).press("Enter");

test("a form asks before each mutation but those that only make or name something", () =>
  explore(1280, "/", async (page) => {
    const sent: string[] = [];
    page.on("request", (request) => void (request.method() === "POST" && sent.push(request.postData() ?? "")));
    const asked: string[] = [];
    for (const { name, examples, "x-consequence": consequence } of mutations) {
      const input = Object.fromEntries(examples[0]!.params.map((param) => [param.name, param.value]));
      await open(page, name, input);
      await page.getByRole("button", { name: `Call ${name}`, exact: true }).press("Enter");
      if (consequence === undefined) {
        await page.getByRole("region", { name: "Result", exact: true }).getByText("UNAUTHORIZED").first().waitFor();
        continue;
      }
      await dialog(page).getByText(consequence, { exact: true }).waitFor();
      for (const value of Object.values(input)) {
        assert.ok((await dialog(page).locator("pre").innerText()).includes(JSON.stringify(value)), name);
      }
      await answer(page, "Cancel");
      asked.push(name);
    }
    assert.deepEqual(
      sent.filter((body) => asked.some((name) => body.includes(`"${name}"`))),
      [],
    );
    for (const name of ["admin.setRole", "token.revoke", "token.rotate", "session.revokeAll", "k8s.setStatus"]) {
      assert.ok(asked.includes(name), name);
    }
  }));

for (const [width, colorScheme] of LOOKS) {
  test(`${width} px: a saved call and a batch ask as well, and do what they said`, () =>
    explore(
      width,
      "/",
      async (page) => {
        const userId = `consequences_${width}`;
        await person(server, userId);
        const role = async () => (await admin.admin.getUser({ userId })).role;
        await signIn(page, adminToken);
        await open(page, "admin.setRole", { userId, role: "ADMIN" });
        await page.getByRole("button", { name: "Save…" }).press("Enter");
        await page.getByRole("dialog").getByLabel("Name").press("Enter");
        await go(page, "Saved calls");
        await page
          .getByRole("list", { name: "Saved", exact: true })
          .getByRole("link", { name: "admin.setRole" })
          .press("Enter");
        const call = page.getByRole("button", { name: "Call admin.setRole" });
        await call.press("Enter");
        await accessible(page, "the question before a call");
        await answer(page, "Cancel");
        assert.equal(await role(), "USER");
        await call.press("Enter");
        await answer(page, "Yes, call admin.setRole");
        await page.getByRole("region", { name: "Result", exact: true }).getByText('"success"').waitFor();
        assert.equal(await role(), "ADMIN");

        await open(page, "admin.setRole", { userId, role: "USER" });
        await page.getByRole("button", { name: "Add to batch" }).press("Enter");
        await open(page, "hello.hello", { text: "harmless" });
        await page.getByRole("button", { name: "Add to batch" }).press("Enter");
        await go(page, "Batch");
        await page.getByRole("button", { name: "Send 2 calls" }).press("Enter");
        await dialog(page).getByText("admin.setRole: An admin sees and changes everything").waitFor();
        assert.doesNotMatch(await dialog(page).innerText(), /hello/);
        await accessible(page, "the question before a batch");
        await answer(page, "Cancel");
        assert.equal(await role(), "ADMIN");
        await page.getByRole("button", { name: "Send 2 calls" }).press("Enter");
        await answer(page, "Yes, send");
        await page.getByText("2 succeeded, 0 failed", { exact: true }).waitFor();
        assert.equal(await role(), "USER");
      },
      { colorScheme },
    ));
}
