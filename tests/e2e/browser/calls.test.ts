// The explorer's saved calls, history and links.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { accessible, settled } from "../support/axe.ts";
import { browser, screenshot } from "../support/browser.ts";
import { explorer, fits, go, kept, signIn } from "../support/explorer.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const explore = explorer(await browser(), server);

const result = (page: Page) => page.getByRole("region", { name: "Result", exact: true });

async function greet(page: Page, text: string, answer: RegExp): Promise<void> {
  await page.getByRole("textbox", { name: "text" }).fill(text);
  await page.getByRole("button", { name: "Call hello.hello" }).click();
  await settled(page);
  await until(async () => answer.test(await result(page).innerText()), `the answer to ${text}`);
}

async function save(page: Page, name: string): Promise<void> {
  const dialog = page.getByRole("dialog", { name: "Save this call" });
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Name").press("Enter");
  await dialog.waitFor({ state: "hidden" });
}

/** The calls that the page sends. */
function posts(page: Page): string[] {
  const sent: string[] = [];
  page.on("request", (request) => void (request.method() === "POST" && sent.push(request.postData() ?? "")));
  return sent;
}

for (const width of [1920, 1280, 360]) {
  test(`${width} px: calls are kept, found, repeated and removed, without token and answer`, () =>
    explore(width, "/", async (page) => {
      await signIn(page, token(`calls_${width}`));
      await go(page, "hello.hello");
      await greet(page, "first", /hello first/);
      await greet(page, "second", /hello second/);
      await page.getByRole("button", { name: "Save…" }).click();
      await save(page, "a greeting");
      assert.doesNotMatch(await kept(page), /eyJ|greeting":|hello second/);
      await page.reload();

      await go(page, "Saved calls");
      const [named, made] = ["Saved", "History"].map((list) => page.getByRole("list", { name: list, exact: true }));
      await named!.getByText("a greeting").waitFor();
      const texts = () => made!.getByRole("listitem").allInnerTexts();
      assert.deepEqual(
        (await texts()).map((text) => /first|second/.exec(text)?.[0]),
        ["second", "first"],
      );
      await accessible(page, "saved calls");
      await screenshot(page, `calls-${width}`);
      await fits(page, "calls");

      const search = page.getByRole("searchbox", { name: /^Search by name/ });
      await search.fill("HELLO first");
      assert.equal((await texts()).length, 1);
      await page.getByText("No matches.").waitFor();
      await search.fill("");
      await made!.getByRole("button", { name: /^Save… .*first/ }).click();
      await save(page, "the first");
      await named!.getByText("the first").waitFor();
      await page.getByRole("button", { name: "Remove the first" }).click();
      await named!.getByText("the first").waitFor({ state: "detached" });
      await made!.getByRole("button", { name: /^Remove .*first/ }).click();
      assert.equal((await texts()).length, 1);

      const sent = posts(page);
      await named!.getByRole("link", { name: "a greeting" }).press("Enter");
      await until(
        async () => (await page.getByRole("textbox", { name: "text" }).inputValue()) === "second",
        "the form",
      );
      assert.deepEqual(sent, []);
    }));
}

test("the history can be emptied and switched off", () =>
  explore(1280, "/#/hello.hello", async (page) => {
    await signIn(page, token("calls_off"));
    await greet(page, "noted", /hello noted/);
    await go(page, "Saved calls");
    await page.getByRole("button", { name: "Clear the history" }).click();
    await page.getByText("No calls yet.").waitFor();
    assert.doesNotMatch(await kept(page), /noted/);

    await go(page, "hello.hello");
    await greet(page, "again", /hello again/);
    assert.match(await kept(page), /again/);
    await go(page, "Saved calls");
    await page.getByRole("checkbox", { name: "Keep a history" }).press("Space");
    await page.getByText("The history is switched off.").waitFor();
    await page.reload();
    await signIn(page, token("calls_off"));
    await go(page, "hello.hello");
    await greet(page, "unnoted", /hello unnoted/);
    assert.doesNotMatch(await kept(page), /noted|again/);
  }));

test("a token in an input is neither kept nor shared", () =>
  explore(1280, "/#/hello.hello", async (page) => {
    const secret = token("calls_secret");
    await signIn(page, secret);
    for (const text of [secret, `Bearer ${secret}`, await server.adminToken()]) {
      await greet(page, text, /"hello /);
      for (const button of ["Save…", "Copy link"]) {
        await page.getByRole("button", { name: button }).click();
        await page.getByText("The input has a token in it, so it is neither saved nor shared.").waitFor();
      }
      await page.getByRole("textbox", { name: "text" }).fill("");
    }
    assert.doesNotMatch(await kept(page), /hello\.hello/);
    await greet(page, "harmless", /hello harmless/);
    assert.match(await kept(page), /harmless/);
  }));

test("what another program wrote into the storage does no harm", () =>
  explore(1280, "/", async (page) => {
    const written = [null, 1, "text", { method: 1 }, { method: "<b>", input: {}, time: "2026-01-01T00:00:00Z" }];
    for (const text of ["nonsense", '"text"', JSON.stringify(written)]) {
      await page.evaluate((value) => {
        for (const key of ["history", "saved", "settings"]) localStorage.setItem(`clusterdesk.${key}`, value);
      }, text);
      await page.reload();
      await go(page, "Saved calls");
      await page.getByRole("heading", { name: "History" }).waitFor();
    }
    assert.equal(await page.getByRole("list", { name: "History" }).getByRole("link", { name: "<b>" }).count(), 1);
  }));

test("a link carries the input, fills in the form, and sends nothing by itself", () =>
  explore(1280, "/#/k8s.create", async (page) => {
    await signIn(page, token("calls_link"));
    await page.getByRole("textbox", { name: "name" }).fill("from-a-link");
    await page.getByRole("textbox", { name: "location" }).fill("é & ? + #");
    await page.getByRole("combobox", { name: "plan" }).selectOption("FREE");
    await page.getByRole("button", { name: "Copy link" }).click();
    await page.getByText("The link is copied.").waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    assert(link.startsWith(`${server.url}/#/k8s.create?input=`), link);

    const other = await page.context().newPage();
    const sent = posts(other);
    await other.goto(link);
    await other.getByText("The link has filled in the form. Nothing has been sent.").waitFor();
    assert.equal(await other.getByRole("textbox", { name: "location" }).inputValue(), "é & ? + #");
    // Whom the browser's cookie signs in is asked for by every page.
    assert.deepEqual(
      sent.filter((body) => !body.includes('"user.me"')),
      [],
    );
    await signIn(other, token("calls_link"));
    await other.getByRole("button", { name: "Call k8s.create" }).click();
    await until(async () => /"from-a-link"/.test(await result(other).innerText()), "the cluster");
    await accessible(other, "a call from a link");
  }));

test("a link whose input is no form's, or no input, is shown as such", () =>
  explore(1280, "/", async (page) => {
    const visit = (input: string) =>
      page.evaluate((text) => {
        location.hash = `#/k8s.create?input=${encodeURIComponent(text)}`;
      }, input);
    await visit('{"name":"x","unknown":[1]}');
    const json = page.getByRole("textbox", { name: "Input as JSON" });
    await json.waitFor();
    assert.deepEqual(JSON.parse(await json.inputValue()), { name: "x", unknown: [1] });
    for (const input of ["{", "[1]", "null", '"text"']) {
      await visit(input);
      await page.getByText("The link's input is not a JSON object. Nothing was filled in.").waitFor();
      assert.equal(await page.getByRole("textbox", { name: "name" }).inputValue(), "");
      await go(page, "Overview");
    }
  }));

test("an answer says how long it took, and which headers it had", () =>
  explore(1280, "/#/user.updateName", async (page) => {
    await signIn(page, token("calls_headers"));
    await page.getByRole("textbox", { name: "name" }).fill("Ada");
    await page.getByRole("button", { name: "Call user.updateName" }).click();
    await until(async () => /\d ms/.test(await result(page).innerText()), "the time");
    await result(page).getByText("Headers", { exact: true }).press("Enter");
    const text = await result(page).innerText();
    assert.match(text, /x-request-id\s+[0-9a-f-]{36}/);
    assert.match(text, /content-length\s+\d+/);
    // All that the browser shows to the page.
    for (const header of ["content-type", "date", "x-content-type-options"]) {
      assert.match(text, new RegExp(`${header}\\s+\\S`));
    }
    // A failure has them as well.
    await go(page, "k8s.get");
    await page.getByRole("textbox", { name: "id" }).fill("999999");
    await page.getByRole("button", { name: "Call k8s.get" }).click();
    await until(async () => /NOT_FOUND[\s\S]*\d ms/.test(await result(page).innerText()), "the failure's time");
    await result(page).getByText("Headers", { exact: true }).press("Enter");
    assert.match(await result(page).innerText(), /x-request-id/);
  }));

test("a repeated mutation says that its answer is the stored one, and a limited one what is left", async () => {
  const limited = await Server.start({ RATE_LIMIT_WRITE_MAX_REQUESTS: "5" });
  await explorer(await browser(), limited)(1280, "/#/user.updateName", async (page) => {
    await signIn(page, token("calls_replayed"));
    // The first answer is lost on its way, so the page repeats the call with its key.
    let isLost = false;
    await page.route(`${limited.url}/`, async (route) => {
      if (isLost || !route.request().postData()?.includes("user.updateName")) return route.continue();
      isLost = true;
      await route.fetch();
      await route.abort("connectionreset");
    });
    await page.getByRole("textbox", { name: "name" }).fill("Ada");
    await page.getByRole("button", { name: "Call user.updateName" }).click();
    await until(async () => /stored answer/.test(await result(page).innerText()), "the stored answer");
    await result(page).getByText("Headers", { exact: true }).press("Enter");
    const text = await result(page).innerText();
    assert.match(text, /idempotency-replayed\s+true/);
    assert.match(text, /x-ratelimit-limit\s+5/);
    assert.match(text, /\d of 5 calls left/);
  });
});
