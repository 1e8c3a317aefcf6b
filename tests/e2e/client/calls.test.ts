import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import { recording } from "../support/fetch.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";

const server = await Server.start();

/** A client that allows any procedure. */
type Untyped = Record<string, Record<string, () => Promise<unknown>>>;

test("a procedure is typed under its canonical and its old name", async () => {
  const client = createClient({ url: server.url, token: token("calls_1") });
  const created = await client.k8s.createCluster({ name: "one", location: "eu" });
  assert.equal(created.plan satisfies "FREE" | "PRO" | "BUSINESS", "FREE");
  const [cluster] = await client.k8s.list();
  assert.equal(cluster?.id, created.id);
  assert.deepEqual(await client.k8s.getClusters(), [cluster]);
});

test("a token function is called before each request", async () => {
  const users = ["calls_2", "calls_3"];
  const client = createClient({ url: server.url, token: async () => token(users.shift()!) });
  assert.equal((await client.user.me()).id, "calls_2");
  assert.equal((await client.user.me()).id, "calls_3");
});

test("additional headers are sent", async () => {
  const requestId = "7e57ab1e-0000-4000-8000-00000000e2e0";
  const client = createClient({ url: server.url, headers: { "x-request-id": requestId } });
  await assert.rejects(client.user.me(), { code: "UNAUTHORIZED", requestId });
});

test("an unknown procedure is refused by the server", async () => {
  const client = createClient({ url: server.url, token: token("calls_4") }) as unknown as Untyped;
  await assert.rejects(client.k8s!.nothing!(), { code: "NOT_FOUND", number: -32601, path: "k8s.nothing" });
});

test("a client and its namespaces are not thenable", async () => {
  const client = await Promise.resolve(createClient({ url: server.url, token: token("calls_5") }));
  assert.equal((await (await Promise.resolve(client.user)).me()).id, "calls_5");
});

test("undefined fields are omitted from the input", async () => {
  const { fetch, sent } = recording();
  const client = createClient({ url: server.url, token: token("calls_6"), fetch });
  await client.k8s.listDeleted({ cursor: undefined as never, limit: 5 });
  assert.deepEqual(JSON.parse(sent[0]!.body!).params, { limit: 5 });
});
