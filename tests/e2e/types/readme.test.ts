// The TypeScript of README.md for tRPC, as a reader pastes it into a new folder.
import assert from "node:assert/strict";
import { type ChildProcessByStdio, execFile as execFileCallback, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Server } from "../support/server.ts";
import { until } from "../support/until.ts";

const execFile = promisify(execFileCallback);
const FROM = "## From TypeScript, with tRPC";
/** The oldest Node that README names, and the next one that many people have: whichever runs the tests. */
const NODES = [20, 22].map((version) => ({ version, node: resolve(`node${version}/node_modules/.bin/node`) }));

interface Sample {
  /** The commands that fetch the types and install packages, and those that run the sample. */
  install: string;
  run: string;
  code: string;
  /** Where README says to save the code. */
  file: string;
}

async function sample(): Promise<Sample> {
  const readme = await readFile("../../README.md", "utf8");
  const section = readme.slice(readme.indexOf(FROM)).split("\n## ")[0]!;
  const blocks = [...section.matchAll(/```(sh|ts)\n(.*?)```/gs)].map(([, , text]) => text!);
  assert.equal(blocks.length, 3);
  const [install, code, run] = blocks as [string, string, string];
  return { install, code, run, file: /`(\w+\.mts)`/.exec(section)![1]! };
}

/** A folder with the sample, for a server at `url`. Its packages are those of the tests. */
async function folder({ code, install, file }: Sample, url: string): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), "clusterdesk-readme-"));
  after(() => rm(parent, { recursive: true, force: true }));
  const here = join(parent, "example");
  await mkdir(here);
  await symlink(resolve("node_modules"), join(here, "node_modules"));
  // What `npm install` writes into a new folder says nothing about modules.
  await writeFile(join(here, "package.json"), "{}");
  await writeFile(join(here, file), code.replaceAll("http://127.0.0.1:8080", url));
  const fetched = install.split("\n").find((line) => line.startsWith("curl"))!;
  await execFile("sh", ["-c", fetched.replaceAll("http://127.0.0.1:8080", url)], { cwd: here });
  return here;
}

async function call(url: string, token: string, procedure: string, input: object): Promise<void> {
  const response = await fetch(`${url}/trpc-plain/${procedure}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(input),
  });
  assert.equal(response.status, 200);
}

/** Runs the sample with the program that README's command runs, on this Node. */
function run(node: string, cwd: string, file: string, token: string): ChildProcessByStdio<null, Readable, Readable> {
  const env = { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter), TOKEN: token };
  const child = spawn(resolve("node_modules/.bin/tsx"), [file], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  after(() => child.kill());
  return child;
}

test("the sample imports what README installs", async () => {
  const { code, install } = await sample();
  const installed = [...install.matchAll(/^npm install (?:-D )?(.*)$/gm)].flatMap(([, names]) => names!.split(" "));
  for (const [, name] of code.matchAll(/from "([^."][^"]*)"/g))
    assert(installed.includes(name!), `${name} is not installed`);
  const { devDependencies } = JSON.parse(await readFile("package.json", "utf8"));
  for (const name of installed) assert(name in devDependencies, name);
});

test("the sample compiles with README's command", async () => {
  const server = await Server.start();
  const written = await sample();
  const command = written.run.split("\n").find((line) => line.startsWith("npx tsc"))!;
  await execFile("sh", ["-c", command], { cwd: await folder(written, server.url) });
});

for (const { version, node } of NODES) {
  test(`Node ${version} is what it says`, () => {
    assert.match(execFileSync(node, ["--version"], { encoding: "utf8" }), new RegExp(`^v${version}\\.`));
  });

  test(`the sample lists clusters and then prints every change on Node ${version}`, async () => {
    const server = await Server.start();
    const [written, token] = [await sample(), await server.adminToken()];
    await call(server.url, token, "k8s.create", { name: "sample", location: "eu" });
    const child = run(node, await folder(written, server.url), written.file, token);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
    await until(() => output.includes("ready"));
    await call(server.url, token, "k8s.delete", { id: 1 });
    await until(() => output.includes("deleted"));
    assert.match(output, /^\[ 'sample, since .*' \]\nready \d+\ndeleted \d+\n$/);
  });

  test(`the sample prints why its subscription ends on Node ${version}`, async () => {
    // The list takes the only call of the minute.
    const server = await Server.start({ RATE_LIMIT_READ_MAX_REQUESTS: "1" });
    const [written, token] = [await sample(), await server.adminToken()];
    const child = run(node, await folder(written, server.url), written.file, token);
    let errors = "";
    child.stderr.on("data", (text) => (errors += text));
    await until(() => errors.includes("\n"));
    assert.match(errors, /^Too many requests/);
  });

  test(`the sample fails with the server's message when the token is wrong on Node ${version}`, async () => {
    const server = await Server.start();
    const written = await sample();
    const child = run(node, await folder(written, server.url), written.file, "nonsense");
    let errors = "";
    child.stderr.on("data", (text) => (errors += text));
    const [status] = await once(child, "close");
    assert.equal(status, 1);
    assert.match(errors, /UNAUTHORIZED/);
  });
}
