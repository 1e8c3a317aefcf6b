// Type-checks a project that uses the served types and the client.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { Server } from "../support/server.ts";

/** The compiler's errors, one line each. */
function errorsOf(project: string): Promise<string[]> {
  return new Promise((resolve) => {
    execFile("node_modules/.bin/tsc", ["-p", project, "--pretty", "false"], (_, stdout) =>
      resolve(stdout.split("\n").filter((line) => /error TS/.test(line))),
    );
  });
}

test("code that uses the served types correctly compiles, and wrong uses are errors", async () => {
  assert.deepEqual(await errorsOf("consumer"), []);
});

test("the snippets of the client's README are those that are checked", async () => {
  const lines = (text: string) =>
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("import "));
  const checked = lines(await readFile("consumer/readme.ts", "utf8")).join("\n");
  const readme = await readFile("../../clients/typescript/README.md", "utf8");
  const snippets = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, snippet]) => snippet!);
  assert(snippets.length > 5);
  for (const snippet of snippets) {
    // A call may follow what another snippet has declared.
    for (const part of snippet.split("\n\n")) assert(checked.includes(lines(part).join("\n")), part);
  }
});

test("the check reports errors", async () => {
  const errors = await errorsOf("consumer/wrong");
  assert.deepEqual(
    errors.map((line) => /^(.*?)\((\d+),/.exec(line)!.slice(1)),
    [
      ["consumer/wrong/wrong.ts", "5"],
      ["consumer/wrong/wrong.ts", "6"],
      ["consumer/wrong/wrong.ts", "7"],
    ],
  );
});

test("the served types compile", async () => {
  const server = await Server.start();
  const folder = ".build/served";
  await mkdir(folder, { recursive: true });
  // As .ts: skipLibCheck skips all .d.ts files.
  await writeFile(`${folder}/app-router.ts`, await (await fetch(`${server.url}/app-router.d.ts`)).text());
  await writeFile(
    `${folder}/tsconfig.json`,
    JSON.stringify({ extends: "../../consumer/tsconfig.json", include: ["*.ts"] }),
  );
  assert.deepEqual(await errorsOf(folder), []);
});
