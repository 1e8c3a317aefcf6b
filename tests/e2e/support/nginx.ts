import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { start } from "./child.ts";

/** The example in docs. */
const EXAMPLE = "../../docs/examples/nginx.conf";

/**
 * Starts nginx on a port, with the example's configuration for these two servers. It is stopped after the test or, if it
 * was started outside of one, after the tests of the file.
 * @param api  where clusterdesk is, or the old server
 * @param next  where the Next.js application is
 */
export async function nginx(port: number, api: string, next: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "clusterdesk-nginx-"));
  let example = await readFile(EXAMPLE, "utf8");
  for (const [from, to] of [
    ["listen 80;", `listen 127.0.0.1:${port};`],
    ["127.0.0.1:8080", new URL(api).host],
    ["127.0.0.1:3000", new URL(next).host],
  ] as const) {
    if (!example.includes(from)) throw new Error(`${EXAMPLE} lacks ${from}`);
    example = example.replace(from, to);
  }
  const file = join(folder, "nginx.conf");
  await writeFile(file, wrapped(example, folder));
  const { stop } = await start(["/usr/sbin/nginx", "-p", folder, "-c", file], /RLIMIT_NOFILE/);
  after(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });
}

/** A whole configuration, of one process in the foreground that writes only into the folder, and notices to stderr. */
function wrapped(example: string, folder: string): string {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  return `daemon off; master_process off; pid ${folder}/pid; error_log stderr notice;
events {}
http { access_log off; ${paths.join(" ")}
${example}}
`;
}
