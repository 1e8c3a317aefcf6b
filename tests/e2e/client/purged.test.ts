import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { type ClusterChange, createClient, isClusterdeskError, type WatchState } from "@clusterdesk/client";
import { WebSocket, WebSocketServer } from "ws";
import { until } from "../support/until.ts";

// A real server purges only what is older than a day, so a small one stands in for it.
type Params = { lastEventId?: string; subscription?: unknown };

/** Accepts subscriptions, and says that events up to 200 were purged to those that resume before. */
function standIn() {
  const asked: (string | undefined)[] = [];
  const server = new WebSocketServer({ port: 0, handleProtocols: () => "clusterdesk" });
  after(() => server.close());
  server.on("connection", (socket) => {
    const send = (message: object) => socket.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
    socket.on("message", (text) => {
      const { id, method, params } = JSON.parse(String(text)) as { id: number; method: string; params?: Params };
      if (method !== "k8s.watch") return;
      asked.push(params?.lastEventId);
      if (params?.lastEventId !== undefined) {
        const data = { code: "PRECONDITION_FAILED", httpStatus: 412, requestId: "r", purgedThrough: "200" };
        return send({ id, error: { code: -32012, message: "Events were purged.", data } });
      }
      send({ id, result: "1" });
      const result = { type: "ready", id: asked.length === 1 ? "100" : "300" };
      send({ method: "k8s.watch", params: { subscription: "1", result } });
    });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cut = () => {
    for (const socket of server.clients) socket.terminate();
  };
  return { url, asked, cut };
}

test("a client that was away while its events were purged begins anew", async () => {
  const { url, asked, cut } = standIn();
  const seen: ClusterChange[] = [];
  const states: WatchState[] = [];
  const { unsubscribe } = createClient({ url, token: "t", WebSocket }).k8s.watch(undefined, {
    onEvent: (event) => void seen.push(event),
    onError: (error) => assert.fail(error),
    onStateChange: (state) => void states.push(state),
  });
  await until(() => seen.length === 1, "ready");
  cut();
  await until(() => seen.length === 2, "ready again");
  assert.deepEqual(
    seen.map(({ type, id }) => [type, id]),
    [
      ["ready", "100"],
      ["ready", "300"],
    ],
  );
  assert.deepEqual(asked, [undefined, "100", undefined]);
  assert.equal(states.at(-1), "open");
  unsubscribe();
});

test("an application that resumes from a purged position is told so", async () => {
  const { url, asked } = standIn();
  const events = createClient({ url, token: "t", WebSocket }).k8s.watch({ lastEventId: "50" });
  await assert.rejects(
    async () => {
      for await (const event of events) assert.fail(event.type);
    },
    (error) => isClusterdeskError(error, "PRECONDITION_FAILED") && error.purgedThrough === "200",
  );
  assert.deepEqual(asked, ["50"]);
});
