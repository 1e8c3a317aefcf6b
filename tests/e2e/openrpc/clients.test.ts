// Other JSON-RPC clients: that of OpenRPC, and json-rpc-2.0.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { Client, HTTPTransport, RequestManager, WebSocketTransport } from "@open-rpc/client-js";
import { JSONRPCClient, type JSONRPCResponse } from "json-rpc-2.0";
import { WebSocket } from "ws";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const authorization = (user: string) => ({ authorization: `Bearer ${token(user)}` });

/** OpenRPC's WebSocket transport with the token in a subprotocol, as in a browser. */
class TokenTransport extends WebSocketTransport {
  constructor(user: string) {
    const address = server.url.replace("http", "ws");
    super(address);
    this.connection.on("error", () => {}).close();
    this.connection = new WebSocket(address, [
      "clusterdesk",
      `bearer.${token(user)}`,
    ]) as unknown as typeof this.connection;
  }
}

const TRANSPORTS = {
  HTTP: (user: string) => new HTTPTransport(server.url, { headers: authorization(user) }),
  WebSocket: (user: string) => new TokenTransport(user),
};

for (const [name, transport] of Object.entries(TRANSPORTS)) {
  const of = (user: string) => {
    const client = new Client(new RequestManager([transport(`${user}_${name}`)]));
    after(() => client.close());
    return client;
  };

  test(`OpenRPC's client over ${name}: calls under both names, params by name and by position`, async () => {
    const client = of("openrpc_1");
    const created = await client.request({ method: "k8s.createCluster", params: { name: "one", location: "eu" } });
    const clusters = await client.request({ method: "k8s.list" });
    assert.equal(clusters[0].id, created.id);
    assert.deepEqual(await client.request({ method: "hello.hello", params: [{ text: "you" }] }), {
      greeting: "hello you",
    });
  });

  test(`OpenRPC's client over ${name}: an error has code, message and data`, async () => {
    const error = await of("openrpc_2")
      .request({ method: "k8s.get", params: { id: 4711 } })
      .then(
        () => assert.fail("it succeeded"),
        (reason) => reason,
      );
    assert.deepEqual([error.code, error.message], [-32004, "No such cluster."]);
    assert.deepEqual([error.data.code, error.data.httpStatus, error.data.path], ["NOT_FOUND", 404, "k8s.get"]);
  });

  test(`OpenRPC's client over ${name}: a batch`, async () => {
    const client = of("openrpc_3");
    client.startBatch();
    const calls = [
      client.request({ method: "user.me" }),
      client.request({ method: "k8s.get", params: { id: 4711 } }),
      client.request({ method: "hello.hello", params: { text: "you" } }),
    ];
    client.stopBatch();
    const [me, missing, greeting] = await Promise.allSettled(calls);
    assert(me!.status === "fulfilled" && me!.value.id === `openrpc_3_${name}`);
    assert(missing!.status === "rejected" && missing!.reason.data.code === "NOT_FOUND");
    assert(greeting!.status === "fulfilled");
  });
}

test("OpenRPC's client reads the document by rpc.discover", async () => {
  const client = new Client(new RequestManager([new HTTPTransport(server.url)]));
  const document = await client.request({ method: "rpc.discover" });
  assert(document.methods.some(({ name }: { name: string }) => name === "k8s.watch"));
});

test("OpenRPC's client subscribes and receives events as notifications", async () => {
  const client = new Client(new RequestManager([new TokenTransport("openrpc_4")]));
  after(() => client.close());
  const received: any[] = [];
  client.onNotification((message) => void received.push(message));
  const subscription = await client.request({ method: "k8s.watch" });
  assert.equal(typeof subscription, "string");
  const { id } = await client.request({ method: "k8s.create", params: { name: "one", location: "eu" } });
  await until(() => received.length === 2, "two events");
  assert.deepEqual(
    received.map(({ method, params }) => [method, params.subscription, params.result.type]),
    [
      ["k8s.watch", subscription, "ready"],
      ["k8s.watch", subscription, "created"],
    ],
  );
  assert.equal(received[1].params.result.cluster.id, id);
  assert.equal(await client.request({ method: "rpc.unsubscribe", params: { subscription } }), true);
  assert.equal(await client.request({ method: "rpc.unsubscribe", params: { subscription } }), false);
  await client.request({ method: "k8s.delete", params: { id } });
  assert.equal(received.length, 2);
});

test("json-rpc-2.0 over HTTP: calls, notifications and a batch", async () => {
  const client: JSONRPCClient = new JSONRPCClient(async (request) => {
    const headers = { "content-type": "application/json", ...authorization("jsonrpc_1") };
    const response = await fetch(server.url, { method: "POST", headers, body: JSON.stringify(request) });
    if (response.status === 204) return;
    client.receive((await response.json()) as JSONRPCResponse);
  });
  assert.equal((await client.request("user.me", [])).id, "jsonrpc_1");
  await assert.rejects(async () => client.request("k8s.get", { id: 4711 }), { code: -32004 });
  client.notify("hello.hello", { text: "nobody answers" });
  const answers = await client.requestAdvanced([
    { jsonrpc: "2.0", id: 10, method: "hello.hello", params: { text: "you" } },
    { jsonrpc: "2.0", id: "eleven", method: "k8s.nothing" },
  ]);
  assert.deepEqual(
    answers.map(({ id, error }) => [id, error?.code]),
    [
      [10, undefined],
      ["eleven", -32601],
    ],
  );
});

test("json-rpc-2.0 over WebSocket", async () => {
  const socket = new WebSocket(server.url.replace("http", "ws"), ["clusterdesk", `bearer.${token("jsonrpc_2")}`]);
  after(() => socket.close());
  await once(socket, "open");
  const client = new JSONRPCClient((request) => socket.send(JSON.stringify(request)));
  socket.on("message", (data) => client.receive(JSON.parse(String(data))));
  const answers = await Promise.all([client.request("user.me", []), client.request("k8s.count", {})]);
  assert.deepEqual([answers[0].id, answers[1]], ["jsonrpc_2", { active: 0, deleted: 0 }]);
});

test("a subscription over HTTP is METHOD_NOT_SUPPORTED", async () => {
  const client = new Client(
    new RequestManager([new HTTPTransport(server.url, { headers: authorization("openrpc_5") })]),
  );
  const error = await client.request({ method: "k8s.watch" }).then(
    () => assert.fail("it succeeded"),
    (reason) => reason,
  );
  assert.equal(error.data.code, "METHOD_NOT_SUPPORTED");
});
