// `tsc --strict` over a project that uses the served types and the client.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { Server } from "../support/server.ts";

/** The compiler's verdict on a project: one line for each mistake. */
function check(project: string): Promise<string[]> {
  return new Promise((resolve) => {
    execFile("node_modules/.bin/tsc", ["-p", project, "--pretty", "false"], (_, stdout) =>
      resolve(stdout.split("\n").filter((line) => /error TS/.test(line))),
    );
  });
}

test("a consumer of the served types compiles, and its mistakes do not", async () => {
  assert.deepEqual(await check("consumer"), []);
});

test("the check fails where it has to", async () => {
  const mistakes = await check("consumer/wrong");
  assert.deepEqual(
    mistakes.map((line) => /^(.*?)\((\d+),/.exec(line)!.slice(1)),
    [
      ["consumer/wrong/wrong.ts", "5"],
      ["consumer/wrong/wrong.ts", "6"],
      ["consumer/wrong/wrong.ts", "7"],
    ],
  );
});

test("the served types have no mistake of their own", async () => {
  const server = await Server.start();
  const folder = ".build/served";
  await mkdir(folder, { recursive: true });
  // As a module: declarations are not checked where libraries' are not.
  await writeFile(`${folder}/app-router.ts`, await (await fetch(`${server.url}/app-router.d.ts`)).text());
  await writeFile(
    `${folder}/tsconfig.json`,
    JSON.stringify({ extends: "../../consumer/tsconfig.json", include: ["*.ts"] }),
  );
  assert.deepEqual(await check(folder), []);
});
