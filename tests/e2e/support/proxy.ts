import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { after } from "node:test";

/** Forwards TCP connections to a server. The connection can be cut and restored. */
export class TcpProxy {
  readonly url: string;
  /** The number of connections that were accepted. */
  connections = 0;
  readonly #pairs = new Set<Socket>();
  #cut = false;

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`;
  }

  static async to(target: string): Promise<TcpProxy> {
    const { port } = new URL(target);
    const listener = createServer((client) => proxy.#accept(client, Number(port)));
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const address = listener.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const proxy: TcpProxy = new TcpProxy(address.port);
    after(() => {
      proxy.cut();
      listener.close();
    });
    return proxy;
  }

  /** Closes every connection, and refuses new ones until {@link restore}. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#pairs) socket.destroy();
  }

  restore(): void {
    this.#cut = false;
  }

  #accept(client: Socket, port: number): void {
    if (this.#cut) return void client.destroy();
    this.connections += 1;
    const server = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#pairs.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#pairs.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
