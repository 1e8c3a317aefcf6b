import { once } from "node:events";
import { createServer } from "node:net";

/** A port of 127.0.0.1 that nobody uses, for a process that must know its address before it starts. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
