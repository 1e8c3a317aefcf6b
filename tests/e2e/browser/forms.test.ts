// The explorer's forms and documentation, as the types declare them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "../support/axe.ts";
import { browser, screenshot } from "../support/browser.ts";
import { explorer, fits, go } from "../support/explorer.ts";
import { Server } from "../support/server.ts";

const server = await Server.start();
const explore = explorer(await browser(), server);

for (const width of [1920, 1280, 360]) {
  test(`${width} px: fields are in the order of the type, with their limits in sentences`, () =>
    explore(width, "/#/k8s.create", async (page) => {
      const trial = page.getByRole("region", { name: "Try it" });
      await trial.waitFor();
      const labels = await trial.locator("label").allInnerTexts();
      assert.deepEqual(labels.slice(0, 4), ["name", "location", "plan", "id"]);
      const captions = await trial.locator(".caption").allInnerTexts();
      assert.deepEqual(
        captions.map((text) => /required|optional/.exec(text)?.[0]),
        ["required", "required", "optional", "optional"],
      );
      const field = trial.getByRole("textbox", { name: "name" });
      assert.equal(await field.getAttribute("aria-required"), "true");
      assert.match(await trial.innerText(), /Lower-case letters, digits and dashes\. 1 to 100 characters\./);
      const main = page.getByRole("main");
      const documented = main.locator(".reference section").first().locator("code.name");
      assert.deepEqual(await documented.allInnerTexts(), ["name", "location", "plan", "id"]);
      assert.doesNotMatch(await main.innerText(), /a-z0-9/);
      await field.fill("Not Valid");
      await trial.getByRole("button", { name: "Call k8s.create" }).click();
      assert.match(await trial.innerText(), /may contain only lower-case letters, digits and dashes/);
      await accessible(page, "a form with errors");
      await screenshot(page, `forms-${width}`);
      await fits(page, "forms");
    }));
}

test("no page shows a pattern, and an output is listed as it is answered", () =>
  explore(1280, "/", async (page) => {
    for (const place of ["k8s.watch", "stripe.createSession", "admin.watchAudit"]) {
      await go(page, place);
      await page.getByRole("heading", { name: place, level: 1 }).waitFor();
      assert.doesNotMatch(await page.getByRole("main").innerText(), /\^|\{1,19\}/);
    }
    await go(page, "user.me");
    await page.getByRole("heading", { name: "user.me", level: 1 }).waitFor();
    assert.deepEqual(
      await page
        .locator(".reference section code.name")
        .allInnerTexts()
        .then((names) => names.slice(0, 6)),
      ["id", "name", "email", "image", "role", "createdAt"],
    );
  }));
