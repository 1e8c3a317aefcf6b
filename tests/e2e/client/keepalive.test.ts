// The client keeps its WebSocket alive, and notices when the connection is lost without a close frame.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, mock, test } from "node:test";
import { createClient, type SocketLike } from "@clusterdesk/client";
import { WebSocket } from "ws";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

/** Milliseconds of silence after which the client sends a ping. */
const SILENCE = 20_000;

/** A WebSocket without a network. */
class FakeSocket extends EventTarget {
  static last: FakeSocket | undefined;
  readonly sent: { id: number; method: string; params?: unknown }[] = [];
  closed = false;

  constructor() {
    super();
    FakeSocket.last = this;
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(): void {
    this.closed = true;
  }

  receive(message: object): void {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(message) }));
  }
}

test("a silent connection is pinged, and closed when no reply arrives", async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  after(() => mock.timers.reset());
  const Fake = FakeSocket as unknown as new (url: string, protocols: string[]) => SocketLike;
  const { unsubscribe } = createClient({ url: "http://localhost/", WebSocket: Fake }).k8s.watch(undefined, {
    onEvent: () => {},
  });
  after(unsubscribe);
  const socket = await until(() => FakeSocket.last, "a socket");
  socket.dispatchEvent(new Event("open"));
  await until(() => socket.sent.length === 1, "the subscription");
  socket.receive({ jsonrpc: "2.0", id: socket.sent[0]!.id, result: "subscription-1" });

  for (const count of [2, 3]) {
    mock.timers.tick(SILENCE);
    const { id, method, params } = socket.sent.at(-1)!;
    assert.deepEqual([socket.sent.length, method, params], [count, "rpc.ping", undefined]);
    socket.receive({ jsonrpc: "2.0", id, result: "pong" });
  }
  mock.timers.tick(SILENCE);
  assert.equal(socket.closed, false);
  mock.timers.tick(SILENCE);
  assert.equal(socket.closed, true);
  assert.equal(socket.sent.length, 4);
});

test("the server answers rpc.ping with pong and does not count it", async () => {
  const server = await Server.start({ RATE_LIMIT_READ_MAX_REQUESTS: "1" });
  const socket = new WebSocket(server.url.replace("http", "ws"), ["clusterdesk", `bearer.${token("keepalive")}`]);
  after(() => socket.close());
  await once(socket, "open");
  const call = async (id: number, method: string) => {
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, method }));
    const [data] = await once(socket, "message");
    return JSON.parse(String(data));
  };
  for (const id of [1, 2, 3]) assert.deepEqual(await call(id, "rpc.ping"), { jsonrpc: "2.0", id, result: "pong" });
  assert.equal((await call(4, "user.me")).result.id, "keepalive");
});
