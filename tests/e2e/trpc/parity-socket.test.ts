// Sends the same WebSocket messages to clusterdesk and to tRPC on Node. The replies must be the same.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { until } from "../support/until.ts";
import { authorization, normal, pair, serialized, TRANSFORMERS, type Transformer } from "./pair.ts";

/** Sends messages in turn, each after the expected number of replies to the one before. Returns all replies. */
async function exchange(
  base: string,
  messages: [message: unknown, replies: number][],
  options: { query?: string; headers?: Record<string, string> } = {},
) {
  const socket = new WebSocket(`${base.replace(/^http/, "ws")}${options.query ?? ""}`, {
    headers: options.headers ?? {},
  });
  const replies: string[] = [];
  socket.on("message", (data) => replies.push(String(data)));
  const closed = once(socket, "close");
  await once(socket, "open");
  for (const [message, count] of messages) {
    const expected = replies.length + count;
    socket.send(typeof message === "string" ? message : JSON.stringify(message));
    await until(
      () => replies.length >= expected || socket.readyState === WebSocket.CLOSED,
      `${count} replies to ${JSON.stringify(message)}`,
    );
  }
  const open = socket.readyState === WebSocket.OPEN;
  socket.close();
  await closed;
  return { replies, open };
}

const parsed = (text: string) => {
  if (!text.startsWith("{")) return text;
  const { id, ...rest } = JSON.parse(text);
  return { from: id, ...(normal(rest, true) as object) };
};

function messageSequences(transformer: Transformer): Record<string, [message: unknown, replies: number][]> {
  const call = (id: unknown, method: string, path: string, input?: unknown) => ({
    id,
    method,
    params: { path, input: serialized(transformer, input) },
  });
  return {
    "a query": [[call(1, "query", "hello.hello", { text: "you" }), 1]],
    "an id that is a string": [[call("one", "query", "auth.mySubscription"), 1]],
    "a message with the member jsonrpc": [[{ ...call(1, "query", "hello.hello", { text: "you" }), jsonrpc: "2.0" }, 1]],
    "a timestamp": [[call(1, "query", "user.me"), 1]],
    "an error": [[call(1, "query", "k8s.get", { id: 4711 }), 1]],
    "invalid input": [[call(1, "mutation", "k8s.createCluster", { name: "No!", location: "" }), 1]],
    "an unknown path": [[call(1, "query", "nothing.here"), 1]],
    "a query sent as a mutation": [[call(1, "mutation", "user.me"), 1]],
    "a mutation sent as a query": [[call(1, "query", "k8s.createCluster", { name: "one", location: "eu" }), 1]],
    "a query sent as a subscription": [[call(1, "subscription", "user.me"), 1]],
    "a subscription sent as a query": [[call(1, "query", "k8s.watch", {}), 1]],
    "several messages in an array": [
      [[call(1, "query", "hello.hello", { text: "a" }), call(2, "query", "hello.hello", { text: "b" })], 2],
    ],
    "a message that is not JSON": [["{", 1]],
    "a message that is not an object": [["1", 1]],
    "no method": [[{ id: 1, params: { path: "user.me" } }, 1]],
    "an unknown method": [[{ id: 1, method: "call", params: { path: "user.me" } }, 1]],
    "no path": [[{ id: 1, method: "query", params: {} }, 1]],
    "no params": [[{ id: 1, method: "query" }, 1]],
    "an id that is null": [[{ id: null, method: "query", params: { path: "user.me" } }, 1]],
    "a stop of an unknown subscription": [
      [{ id: 9, method: "subscription.stop" }, 0],
      [call(1, "query", "hello.hello", { text: "still here" }), 1],
    ],
    "keep-alive": [
      ["PING", 1],
      ["PONG", 0],
      [call(1, "query", "hello.hello", { text: "still here" }), 1],
    ],
  };
}

for (const transformer of TRANSFORMERS) {
  const { ours, theirs } = await pair(transformer);
  const headers = authorization("sockets", transformer);

  for (const [name, messages] of Object.entries(messageSequences(transformer))) {
    test(`${transformer}: ${name}`, async () => {
      const [mine, nodes] = await Promise.all([ours, theirs].map((base) => exchange(base, messages, { headers })));
      // The replies to concurrent messages may be in any order.
      const sorted = ({ replies, open }: typeof mine & {}) => [
        open,
        replies.map(parsed).sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
      ];
      assert.deepEqual(sorted(mine!), sorted(nodes!));
    });
  }

  test(`${transformer}: connectionParams authenticate the connection`, async () => {
    const me = { id: 1, method: "query", params: { path: "user.me", input: serialized(transformer, undefined) } };
    const hello = (data: unknown) => ({ method: "connectionParams", data });
    for (const data of [headers, null]) {
      const [mine, nodes] = await Promise.all(
        [ours, theirs].map((base) =>
          exchange(
            base,
            [
              [hello(data), 0],
              [me, 1],
            ],
            { query: "?connectionParams=1" },
          ),
        ),
      );
      assert.deepEqual(mine!.replies.map(parsed), nodes!.replies.map(parsed));
    }
  });

  test(`${transformer}: a subscription starts, sends its events and stops`, async () => {
    const watch = { id: 1, method: "subscription", params: { path: "k8s.watch", input: serialized(transformer, {}) } };
    const create = {
      id: 2,
      method: "mutation",
      params: { path: "k8s.createCluster", input: serialized(transformer, { name: "one", location: "eu" }) },
    };
    const stop = { id: 1, method: "subscription.stop" };
    const user = authorization("watcher", transformer);
    const [mine, nodes] = await Promise.all([
      // clusterdesk sends a `ready` event first.
      exchange(
        ours,
        [
          [watch, 2],
          [create, 2],
          [stop, 1],
        ],
        { headers: user },
      ),
      exchange(
        theirs,
        [
          [watch, 1],
          [create, 2],
          [stop, 1],
        ],
        { headers: user },
      ),
    ]);
    const ready = JSON.parse(mine.replies.splice(1, 1)[0]!).result;
    assert.equal(ready.type, "data");
    assert.match(ready.id, /^\d+$/);
    const sent = (replies: string[]) =>
      replies
        .map((text) => {
          const { id, result } = JSON.parse(text);
          assert(result, text);
          if (!("id" in result)) return { from: id, result: normal(result) };
          const data = transformer === "superjson" ? result.data.json : result.data;
          assert.deepEqual([result.id, result.id], [data.id, data.data.id]);
          return { from: id, type: result.type, event: normal({ ...data.data, id: 0 }) };
        })
        .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
    assert.deepEqual(sent(mine.replies), sent(nodes.replies));
  });
}
