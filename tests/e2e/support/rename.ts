import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";

/** A proxy that tells the server another `Host` than the browser has, as proxies do by default. `target()` is known later. */
export async function renaming(target: () => string): Promise<string> {
  const proxy = createServer((incoming, outgoing) => {
    const { host, hostname, port } = new URL(target());
    const { method = "GET", url: path = "/", headers } = incoming;
    const onwards = request({ hostname, port, method, path, headers: { ...headers, host } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onwards.on("error", () => outgoing.destroy());
    incoming.pipe(onwards);
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}
