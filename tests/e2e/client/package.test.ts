// The npm package.
import assert from "node:assert/strict";
import { execFile as execFileCallback } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";

const execFile = promisify(execFileCallback);
const HERE = "../../clients/typescript";

test("the packed package can be installed, imported and compiled against", async () => {
  const folder = await mkdtemp(join(tmpdir(), "clusterdesk-package-"));
  after(() => rm(folder, { recursive: true, force: true }));
  // `prepack` builds it: in a copy, as other tests import what is there. It needs the compiler of this folder.
  const repository = join(folder, "repository");
  const source = join(repository, "clients/typescript");
  await cp(HERE, source, { recursive: true });
  for (const name of ["LICENSE-MIT", "LICENSE-APACHE"]) await cp(`../../${name}`, join(repository, name));
  const env = { ...process.env, PATH: `${resolve("node_modules/.bin")}:${process.env.PATH}` };
  const { stdout } = await execFile("npm", ["pack", "--json", "--silent", "--pack-destination", folder], {
    cwd: source,
    env,
  });
  // The JSON follows the output of the scripts.
  const [{ filename, files }] = JSON.parse(stdout.slice(stdout.search(/^\[/m)));
  const names: string[] = files.map(({ path }: { path: string }) => path);
  for (const name of ["package.json", "README.md", "dist/index.js", "dist/index.d.ts", "src/index.ts"])
    assert(names.includes(name), name);
  assert.deepEqual(
    names.filter((name) => !/^(dist|src)\/|^(package\.json|README\.md|LICENSE-(APACHE|MIT))$/.test(name)),
    [],
  );

  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  await execFile("npm", ["install", "--offline", "--no-audit", "--no-fund", filename], { cwd: folder });
  const script =
    'import { createClient } from "@clusterdesk/client"; console.log(typeof createClient({ url: "http://localhost/" }).k8s.list)';
  assert.equal(
    (await execFile("node", ["--input-type=module", "-e", script], { cwd: folder })).stdout.trim(),
    "function",
  );
  await writeFile(
    join(folder, "use.ts"),
    'import { createClient } from "@clusterdesk/client";\nexport const list = createClient({ url: "http://localhost/" }).k8s.list();\nlist.then(([first]) => first?.name.length);\n',
  );
  await execFile("node_modules/.bin/tsc", [
    "--strict",
    "--noEmit",
    "--module",
    "nodenext",
    "--ignoreConfig",
    join(folder, "use.ts"),
  ]);
});

test("the package has no dependencies", async () => {
  const manifest = JSON.parse(await readFile(`${HERE}/package.json`, "utf8"));
  assert.deepEqual([manifest.dependencies, manifest.peerDependencies], [undefined, undefined]);
});

test("the example in README is the page that runs in the browser", async () => {
  const [readme, example] = await Promise.all([
    readFile(`${HERE}/README.md`, "utf8"),
    readFile("page/clusters.tsx", "utf8"),
  ]);
  assert(readme.includes(`\`\`\`tsx\n${example.slice(example.indexOf("\n") + 1)}\`\`\``));
});
