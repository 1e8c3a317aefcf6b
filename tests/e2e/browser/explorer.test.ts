// The explorer, used through its labels and roles, on a wide and on a narrow screen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import type { WebSocket } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser, screenshot } from "../support/browser.ts";
import { choose, explorer, fits, go, signIn } from "../support/explorer.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const adminToken = await server.adminToken();
const chrome = await browser();

const WIDTHS = [1920, 1280, 360];

const explore = explorer(chrome, server);

for (const width of WIDTHS) {
  test(`${width} px: a form marks invalid fields, then calls, and shows the result and the code`, () =>
    explore(width, "/", async (page) => {
      await signIn(page, token(`explorer_form_${width}`));
      await go(page, "k8s.create");
      await page.getByRole("heading", { name: "k8s.create", level: 1 }).waitFor();
      const trial = page.getByRole("region", { name: "Try it" });
      const call = trial.getByRole("button", { name: "Call k8s.create" });
      const name = trial.getByRole("textbox", { name: "name" });
      const location = trial.getByRole("textbox", { name: "location" });
      await name.fill("Not Valid");
      await call.click();
      await until(
        async () =>
          (await name.getAttribute("aria-invalid")) === "true" &&
          (await location.getAttribute("aria-invalid")) === "true",
        "both fields to be marked as invalid",
      );
      assert.match(await trial.innerText(), /Nothing was sent/);
      await screenshot(page, `explorer-form-${width}`);

      await name.fill("from-the-page");
      await location.fill("eu");
      await call.click();
      const result = trial.getByRole("region", { name: "Result", exact: true });
      await until(async () => /clusterName/.test(await result.innerText()), "the result");
      assert.match(await result.innerText(), /"from-the-page"/);
      await call.click();
      await until(async () => /CONFLICT/.test(await result.innerText()), "the conflict");
      assert.match(await page.getByRole("main").innerText(), /curl/);
      await accessible(page, "an answer");
      await screenshot(page, `explorer-result-${width}`);
      await fits(page, "explorer");
    }));

  test(`${width} px: a subscription shows changes, also after a restart of the server`, () =>
    explore(width, "/", async (page) => {
      const user = `explorer_live_${width}`;
      const elsewhere = createClient({ url: server.url, token: token(user) });
      await signIn(page, token(user));
      await go(page, "Live");
      await page.getByRole("button", { name: "Start watching" }).click();
      await until(
        async () => /Live\./.test(await page.getByRole("status", { name: "Connection" }).innerText()),
        "live",
      );
      const events = page.getByRole("list", { name: "Events" });
      const types = async () =>
        (await events.getByRole("listitem").allInnerTexts())
          .reverse()
          .map((text) => /created|updated|deleted/.exec(text)?.[0])
          .filter(Boolean);
      const { id } = await elsewhere.k8s.create({ name: "watched", location: "eu" });
      await until(async () => (await types()).includes("created"), "created");
      await server.stop();
      await server.launch();
      await elsewhere.k8s.update({ id, name: "renamed" });
      await until(async () => (await types()).includes("updated"), "updated");
      await elsewhere.k8s.delete({ id });
      await until(async () => (await types()).includes("deleted"), "deleted");
      assert.deepEqual(await types(), ["created", "updated", "deleted"]);
      await accessible(page, "live events");
      await screenshot(page, `explorer-live-${width}`);
      await fits(page, "explorer");
      await page.getByRole("button", { name: "Stop watching" }).click();
      await until(
        async () => /Not watching/.test(await page.getByRole("status", { name: "Connection" }).innerText()),
        "stopped",
      );
      await page.getByRole("button", { name: "Clear" }).press("Enter");
      assert.equal(await events.getByRole("listitem").count(), 0);
    }));

  test(`${width} px: an admin sees stats, users, clusters and the audit log, and changes a status`, () =>
    explore(width, "/docs", async (page) => {
      const user = `explorer_seen_${width}`;
      const { id } = await createClient({ url: server.url, token: token(user) }).k8s.create({
        name: "in-the-list",
        location: "eu",
      });
      const sockets: WebSocket[] = [];
      page.on("websocket", (socket) => void sockets.push(socket));
      await signIn(page, adminToken);
      await go(page, "Dashboard");
      await until(async () => /Active clusters/.test(await page.getByRole("main").innerText()), "stats");
      await screenshot(page, `explorer-stats-${width}`);
      const tabs = page.getByRole("navigation", { name: "Dashboard" });

      await tabs.getByRole("link", { name: "Users" }).click();
      await page
        .getByRole("search", { name: "Filter Users" })
        .getByLabel(/search/i)
        .fill(user);
      const row = (name: string) => page.getByRole("row").filter({ hasText: name });
      await until(
        async () =>
          (await page
            .getByRole("table", { name: "Users" })
            .getByRole("row")
            .filter({ hasText: "explorer_" })
            .count()) === 1,
        "one user",
      );
      assert.match(await row(user).innerText(), /USER/);
      await screenshot(page, `explorer-users-${width}`);

      await row(user)
        .getByRole("link", { name: /active clusters/ })
        .click();
      await row("in-the-list").waitFor();
      await choose(page, `Actions: in-the-list #${id}`, "Set CREATING…");
      await page.getByRole("alertdialog").getByRole("button", { name: "Set CREATING" }).press("Enter");
      await until(
        async () =>
          /CREATING/.test(await row("in-the-list").innerText()) &&
          /is CREATING now/.test(await page.getByRole("main").innerText()),
        "the new status",
      );
      await screenshot(page, `explorer-clusters-${width}`);

      await choose(page, `Actions: in-the-list #${id}`, "History");
      await until(
        async () => (await page.getByRole("table", { name: "Entries" }).getByRole("row").count()) === 3,
        "two entries",
      );
      assert.match(await page.getByRole("table", { name: "Entries" }).innerText(), /k8s\.setStatus[\s\S]*k8s\.create/);
      await screenshot(page, `explorer-audit-${width}`);
      await fits(page, "explorer");

      const admin = createClient({ url: server.url, token: adminToken });
      // The first one may still be found by a load, the second one comes over the socket.
      for (const [rows, status] of [
        [4, "INITING"],
        [5, "RUNNING"],
      ] as const) {
        await admin.k8s.setStatus({ id, status });
        const entries = page.getByRole("table", { name: "Entries" }).getByRole("row");
        await until(async () => (await entries.count()) === rows, `the entry of ${status}`);
        assert.match(await entries.nth(1).innerText(), new RegExp(`k8s\\.setStatus[\\s\\S]*${status}`));
      }
      assert.equal(sockets.filter((socket) => !socket.isClosed()).length, 1);
      await tabs.getByRole("link", { name: "Health" }).click();
      await until(() => sockets.every((socket) => socket.isClosed()), "the subscription to end");
    }));
}

test("the exact id is shown wherever the page acts on a user", () =>
  explore(1280, "/docs", async (page) => {
    // The second id ends with a character that has no appearance.
    const ids = ["explorer_twin", "explorer_twin\u200b"] as const;
    for (const id of ids) await createClient({ url: server.url, token: token(id) }).user.updateName({ name: "Twin" });
    const exact = "explorer_twin\\u{200b}";
    await signIn(page, adminToken);
    const dialog = page.getByRole("alertdialog");

    await go(page, "user.delete");
    await page.getByRole("textbox", { name: "userId" }).fill(ids[1]);
    await page.getByRole("button", { name: "Call user.delete" }).click();
    assert.match(await dialog.getByRole("group", { name: "Input" }).innerText(), /"explorer_twin\\u\{200b\}"/);
    await dialog.getByRole("button", { name: "Cancel" }).click();

    await go(page, "Dashboard");
    await page.getByRole("navigation", { name: "Dashboard" }).getByRole("link", { name: "Users" }).click();
    const users = page.getByRole("table", { name: "Users" });
    assert.match(await users.getByRole("row").filter({ hasText: exact }).innerText(), /Twin/);
    for (const action of ["Make admin…", "Soft-delete…"]) {
      await choose(page, `Actions: Twin (${exact})`, action);
      assert.equal(await dialog.getByRole("group", { name: "User id" }).innerText(), exact);
      await dialog.getByRole("button", { name: "Cancel" }).click();
    }
    await choose(page, `Actions: Twin (${exact})`, "Soft-delete…");
    await dialog.getByRole("button", { name: "Soft-delete the account" }).click();
    await page.getByText(`The account of \u2068Twin\u2069 (${exact}) has been deleted.`).waitFor();
    const { items } = await createClient({ url: server.url, token: adminToken }).admin.listUsers({ search: ids[0] });
    assert.deepEqual(
      items.map(({ id }) => id),
      [ids[0]],
    );
  }));

test("a user is deleted only as the dialog shows them", () =>
  explore(1280, "/docs", async (page) => {
    const user = createClient({ url: server.url, token: token("explorer_shown") });
    const { id } = await user.k8s.create({ name: "web", location: "eu" });
    await signIn(page, adminToken);
    await go(page, "Dashboard");
    await page.getByRole("navigation", { name: "Dashboard" }).getByRole("link", { name: "Users" }).click();
    const ask = () => choose(page, /^Actions: .*explorer_shown/, "Soft-delete…");
    const dialog = page.getByRole("alertdialog");
    const shown = dialog.getByRole("group", { name: "User id and active clusters" });
    await ask();
    assert.equal(await shown.innerText(), `explorer_shown\ncluster ${id}: web`);
    await user.k8s.update({ id, name: "shop" });
    await dialog.getByRole("button", { name: "Soft-delete the account" }).click();
    await page.getByText("This has changed since it was shown. Look at it again.").waitFor();
    assert.equal((await user.k8s.list()).length, 1);
    await ask();
    assert.equal(await shown.innerText(), `explorer_shown\ncluster ${id}: shop`);
    await dialog.getByRole("button", { name: "Soft-delete the account" }).click();
    await page.getByText(/The account of .* has been deleted/).waitFor();
    await assert.rejects(user.user.me(), { code: "UNAUTHORIZED" });
  }));

test("the keyboard is enough to find and call a procedure, in the dark theme", () =>
  explore(
    1280,
    "/",
    async (page) => {
      await signIn(page, token("explorer_keys"));
      await page.keyboard.press("/");
      await page.keyboard.type("hello");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "hello.hello", level: 1 }).waitFor();
      await page.getByRole("textbox", { name: "text" }).focus();
      await page.keyboard.type("keys");
      await page.keyboard.press("Enter");
      await until(
        async () => /hello keys/.test(await page.getByRole("region", { name: "Result", exact: true }).innerText()),
        "the answer",
      );
      await screenshot(page, "explorer-dark");
    },
    { colorScheme: "dark" },
  ));

test("an invalid token is refused, and a reload discards a valid one", () =>
  explore(1280, "/", async (page) => {
    await page.getByRole("banner").getByRole("button", { name: "Sign in" }).click();
    const dialog = page.getByRole("dialog", { name: "Sign in" });
    await dialog.getByLabel("Token").fill("nonsense");
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await until(async () => /UNAUTHORIZED/.test(await dialog.innerText()), "the refusal");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await signIn(page, token("explorer_reload"));
    assert.doesNotMatch(page.url(), /token|eyJ/);
    await page.reload();
    await page.getByRole("banner").getByRole("button", { name: "Sign in" }).waitFor();
  }));

test("a subscription reconnects when the browser is online again", () =>
  explore(1280, "/", async (page) => {
    await signIn(page, token("explorer_offline"));
    await go(page, "Live");
    await page.getByRole("button", { name: "Start watching" }).click();
    const connection = page.getByRole("status", { name: "Connection" });
    await until(async () => /Live\./.test(await connection.innerText()), "live");
    await page.context().setOffline(true);
    await until(async () => /Connection lost/.test(await connection.innerText()), "the lost connection");
    await page.context().setOffline(false);
    await until(async () => /Live\./.test(await connection.innerText()), "live again");
  }));

test("a subscription whose token has expired resumes after signing in again", () =>
  explore(1280, "/", async (page) => {
    const user = "explorer_expired";
    const elsewhere = createClient({ url: server.url, token: token(user) });
    // The server tolerates 30 seconds of clock skew: the token is valid for a few seconds more.
    await signIn(page, token(user, -20));
    await go(page, "Live");
    await page.getByRole("button", { name: "Start watching" }).click();
    const connection = page.getByRole("status", { name: "Connection" });
    await until(async () => /Live\./.test(await connection.innerText()), "live");
    const again = page.getByRole("button", { name: "Sign in again and resume" });
    await again.waitFor();
    await elsewhere.k8s.create({ name: "missed", location: "eu" });
    await again.click();
    const dialog = page.getByRole("dialog", { name: "Sign in" });
    await dialog.getByLabel("Token").fill(token(user));
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("list", { name: "Events" }).getByText("missed").first().waitFor();
    await until(async () => /Live\./.test(await connection.innerText()), "live again");
  }));

test("every procedure has a page", () =>
  explore(1280, "/", async (page) => {
    const names = (await (await fetch(`${server.url}/openrpc.json`)).json()) as {
      methods: { name: string; deprecated?: boolean }[];
    };
    for (const { name } of names.methods.filter(({ deprecated }) => !deprecated)) {
      await go(page, name);
      await page.getByRole("heading", { name, level: 1, exact: true }).waitFor();
    }
  }));
