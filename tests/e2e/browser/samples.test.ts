// The explorer's code samples, run as a reader pastes them.
import assert from "node:assert/strict";
import { execFile as execFileCallback, spawn } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { accessible } from "../support/axe.ts";
import { browser, screenshot } from "../support/browser.ts";
import { explorer, fits, go } from "../support/explorer.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const execFile = promisify(execFileCallback);
const server = await Server.start();
const adminToken = await server.adminToken();
const explore = explorer(await browser(), server);

const COMPILE = "--noEmit --strict --skipLibCheck --target es2023 --module nodenext --types node".split(" ");
const LANGUAGES = ["curl", "TypeScript, tRPC", "TypeScript, JSON-RPC", "Python"];
const PROGRAMS: Record<string, string> = { "npx tsx": "node_modules/.bin/tsx" };

/** Code, and the command that the page says to run it with. */
interface Sample {
  code: string;
  run: string;
}

/** What the tab of a language shows. */
async function sample(page: Page, language: string): Promise<Sample> {
  const panel = page.getByRole("region", { name: "Code" });
  await panel.getByRole("tab", { name: language, exact: true }).click();
  const run = /run it with (.+?)\. /.exec(await panel.innerText())![1]!;
  return { code: await panel.getByRole("tabpanel").innerText(), run };
}

/** A folder in which samples are run, with the server's types. */
class Folder {
  readonly #path: string;
  readonly #files: string[] = [];

  private constructor(path: string) {
    this.#path = path;
  }

  static async create(): Promise<Folder> {
    const path = await mkdtemp(join(tmpdir(), "clusterdesk-sample-"));
    after(() => rm(path, { recursive: true, force: true }));
    await symlink(resolve("node_modules"), join(path, "node_modules"));
    await writeFile(join(path, "package.json"), "{}");
    await writeFile(join(path, "app-router.d.ts"), await (await fetch(`${server.url}/app-router.d.ts`)).text());
    return new Folder(path);
  }

  /** Saves the code under a new name, and returns what the page's command runs, with this name. */
  async save({ code, run }: Sample): Promise<{ program: string; file: string; cwd: string }> {
    const [, program, file] = /^(.*) (\S+)$/.exec(run)!;
    const name = `${this.#files.length}-${file}`;
    this.#files.push(name);
    await writeFile(join(this.#path, name), code);
    const path = PROGRAMS[program!];
    return { program: path ? resolve(path) : program!, file: name, cwd: this.#path };
  }

  /** The output of a sample that ends. */
  async output(found: Sample, as: string | undefined): Promise<string> {
    const { program, file, cwd } = await this.save(found);
    const { TOKEN: _, ...env } = process.env;
    const { stdout } = await execFile(program, [file], { cwd, env: as === undefined ? env : { ...env, TOKEN: as } });
    return stdout;
  }

  /** Asserts that all samples in TypeScript are well typed. */
  async check(): Promise<void> {
    const files = this.#files.filter((file) => file.endsWith(".mts"));
    if (files.length === 0) return;
    await execFile(resolve("node_modules/.bin/tsc"), [...COMPILE, ...files], { cwd: this.#path });
  }
}

async function open(page: Page, procedure: string, input: object): Promise<void> {
  await page.evaluate(
    (hash) => {
      location.hash = hash;
    },
    `#/${procedure}?input=${encodeURIComponent(JSON.stringify(input))}`,
  );
  await page.getByRole("heading", { name: procedure, level: 1 }).waitFor();
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: shells and templates would replace it.
const AWKWARD = 'it\'s "so" \\ $HOME `id` ${x} %s é \u{1f600} true null \\n';

for (const language of LANGUAGES) {
  test(`${language}: the code runs, for every kind of input`, () =>
    explore(1280, "/", async (page) => {
      const user = token(`sample_${language.replace(/\W+/g, "_")}`);
      const folder = await Folder.create();
      await open(page, "hello.hello", { text: AWKWARD });
      assert.match(await folder.output(await sample(page, language), user), /\\\\ \$HOME `id` \$\{x\} %s (é|\\u00e9)/);
      await open(page, "k8s.create", { name: "from-a-sample", location: "eu-central", plan: "FREE" });
      assert.match(await folder.output(await sample(page, language), user), /from-a-sample/);
      await open(page, "k8s.list", {});
      assert.match(await folder.output(await sample(page, language), user), /from-a-sample/);
      const since = new Date(Date.now() - 60_000).toISOString();
      await open(page, "admin.auditLog", { since, procedure: "k8s.create", limit: 1 });
      assert.match(await folder.output(await sample(page, language), adminToken), /k8s\.create/);
      await open(page, "rpc.discover", {});
      const found = await sample(page, language);
      assert.doesNotMatch(found.code, /TOKEN/);
      assert.match(await folder.output(found, undefined), /1\.4\.0/);
      await folder.check();
    }));

  test(`${language}: the code of a subscription prints events`, () =>
    explore(1280, "/", async (page) => {
      const folder = await Folder.create();
      for (const input of [{}, { status: "RUNNING" }]) {
        await open(page, "k8s.watch", input);
        const { program, file, cwd } = await folder.save(await sample(page, language));
        const env = { ...process.env, TOKEN: token("sample_watch"), PYTHONUNBUFFERED: "1" };
        // In a process group of its own, because a shell has children.
        const child = spawn(program, [file], { cwd, env, detached: true, stdio: ["ignore", "pipe", "inherit"] });
        let printed = "";
        child.stdout.on("data", (text) => (printed += text));
        try {
          await until(() => /['"]?ready['"]?/.test(printed), "the first event");
        } finally {
          if (child.exitCode === null) process.kill(-child.pid!, "SIGKILL");
        }
      }
      await folder.check();
    }));
}

test("a call that fails ends the code with the server's message", () =>
  explore(1280, "/", async (page) => {
    await open(page, "k8s.get", { id: 999_999 });
    const folder = await Folder.create();
    for (const language of LANGUAGES.slice(1)) {
      const failed = folder.output(await sample(page, language), token("sample_failing"));
      await assert.rejects(failed, ({ stderr }: { stderr: string }) => /NOT_FOUND/.test(stderr));
    }
  }));

for (const width of [1920, 1280, 360]) {
  test(`${width} px: one key copies the code, unless something is being typed or it is switched off`, () =>
    explore(width, "/#/hello.hello", async (page) => {
      const text = page.getByRole("textbox", { name: "text" });
      await text.fill("copied");
      await text.press("c");
      assert.equal(await text.inputValue(), "copiedc");
      const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
      const panel = page.getByRole("region", { name: "Code" });
      await page.evaluate(() => navigator.clipboard.writeText(""));
      await panel.getByRole("tab", { name: "curl" }).focus();
      for (const language of [...LANGUAGES.slice(1), LANGUAGES[0]!]) {
        if (language === "curl") await panel.getByRole("tab", { name: "curl" }).click();
        else await page.keyboard.press("ArrowRight");
        const code = await panel.getByRole("tabpanel", { name: language }).innerText();
        await page.keyboard.press("c");
        await until(async () => (await clipboard()) === code, `the code for ${language}`);
      }
      await accessible(page, "a procedure");
      await screenshot(page, `samples-${width}`);
      await fits(page, "samples");

      await go(page, "Saved calls");
      await page.getByRole("checkbox", { name: "Shortcuts of one key" }).uncheck();
      await go(page, "hello.hello");
      await page.evaluate(() => navigator.clipboard.writeText("mine"));
      await page.keyboard.press("c");
      await page.keyboard.press("/");
      // Whatever these keys do is done before another one opens a dialog.
      await page.getByRole("button", { name: "Save…" }).press("Enter");
      await page.getByRole("dialog", { name: "Save this call" }).waitFor();
      assert.equal(await clipboard(), "mine");
    }));
}
