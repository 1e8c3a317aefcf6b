import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, isClusterdeskError } from "@clusterdesk/client";
import { recording } from "../support/fetch.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";

const server = await Server.start();

function arrange(user: string) {
  const { fetch, sent } = recording();
  const client = createClient({ url: server.url, token: token(user), fetch });
  return { client, bodies: () => sent.map(({ body }) => JSON.parse(body!)) };
}

test("calls of one tick share a request", async () => {
  const { client, bodies } = arrange("batches_1");
  const [me, clusters] = await Promise.all([client.user.me(), client.k8s.list()]);
  assert.equal(me.id, "batches_1");
  assert.deepEqual(clusters, []);
  assert.equal(bodies().length, 1);
  assert.deepEqual(
    bodies()[0].map(({ method }: { method: string }) => method),
    ["user.me", "k8s.list"],
  );
});

test("a single call is not sent as a batch", async () => {
  const { client, bodies } = arrange("batches_2");
  await client.user.me();
  assert.equal(bodies()[0].method, "user.me");
});

test("more than 50 calls are split into several requests", async () => {
  const { client, bodies } = arrange("batches_3");
  const texts = Array.from({ length: 120 }, (_, i) => `number ${i}`);
  const greetings = await Promise.all(texts.map((text) => client.hello.hello({ text })));
  assert.deepEqual(
    greetings.map(({ greeting }) => greeting),
    texts.map((text) => `hello ${text}`),
  );
  assert.deepEqual(
    bodies().map((body) => body.length),
    [50, 50, 20],
  );
});

test("calls too large for one body are split into several requests", async () => {
  const { client, bodies } = arrange("batches_4");
  const large = { text: "x".repeat(400_000) };
  const outcomes = await Promise.allSettled([
    client.hello.hello(large),
    client.hello.hello(large),
    client.hello.hello(large),
  ]);
  for (const outcome of outcomes)
    assert(outcome.status === "rejected" && isClusterdeskError(outcome.reason, "BAD_REQUEST"));
  assert.deepEqual(
    bodies().map((body) => body.length),
    [2, undefined],
  );
});

test("a failed call does not affect the others in its batch", async () => {
  const { client, bodies } = arrange("batches_5");
  const [me, missing, greeting] = await Promise.allSettled([
    client.user.me(),
    client.k8s.get({ id: 4711 }),
    client.hello.hello({ text: "you" }),
  ]);
  assert.equal(bodies().length, 1);
  assert.equal(me.status, "fulfilled");
  assert(missing.status === "rejected" && isClusterdeskError(missing.reason, "NOT_FOUND"));
  assert.equal(missing.reason.path, "k8s.get");
  assert.equal(greeting.status, "fulfilled");
});

test("a refusal of the whole request rejects every call", async () => {
  const client = createClient({ url: `${server.url}/nowhere`, token: token("batches_6") });
  const outcomes = await Promise.allSettled([client.user.me(), client.k8s.list()]);
  for (const outcome of outcomes) {
    assert(outcome.status === "rejected" && isClusterdeskError(outcome.reason, "NOT_FOUND"));
    assert.equal(outcome.reason.httpStatus, 404);
  }
});
