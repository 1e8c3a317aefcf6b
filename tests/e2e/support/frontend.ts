import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after } from "node:test";
import { build } from "esbuild";

/** Serves the page from its own origin. Returns the origin. */
export async function frontend(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: ["page/main.tsx"],
    bundle: true,
    format: "esm",
    platform: "browser",
    jsx: "automatic",
    // tsconfig.json maps a package to a folder for its types. The bundle must import the package itself.
    tsconfigRaw: {},
    define: { "process.env.NODE_ENV": '"development"' },
    write: false,
  });
  const files: Record<string, [type: string, body: string | Uint8Array]> = {
    "/": ["text/html", await readFile("page/index.html")],
    "/main.js": ["text/javascript", outputFiles[0]!.contents],
  };
  const server = createServer(({ url }, response) => {
    const [type, body] = files[url ?? ""] ?? [];
    response.writeHead(type ? 200 : 404, { "content-type": `${type ?? "text/plain"}; charset=utf-8` }).end(body);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}
