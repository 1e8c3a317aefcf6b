import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClientOptions, createClient, isClusterdeskError } from "@clusterdesk/client";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";

const server = await Server.start();

interface Request {
  method: string;
  idempotencyKey?: string;
}

/**
 * A client whose requests pass through `way` before the real `fetch`. `requests` has the calls of each body, a batch as one
 * list.
 */
function arrange(user: string, way: (send: () => Promise<Response>, attempt: number) => Promise<Response>, own = {}) {
  const requests: Request[] = [];
  let attempt = 0;
  const options: ClientOptions = {
    url: server.url,
    token: token(user),
    fetch: (input, init) => {
      requests.push(...[JSON.parse(String(init?.body))].flat());
      attempt += 1;
      return way(() => fetch(input, init), attempt);
    },
    ...own,
  };
  return { client: createClient(options), requests };
}

/** A response to a single call that never came to the server. */
function failing(data: object) {
  const error = { code: -32603, message: "Of the test.", data };
  return async (send: () => Promise<Response>, attempt: number) => {
    const response = await send();
    if (attempt > 1) return response;
    const { id } = (await response.json()) as { id: number };
    return Response.json({ jsonrpc: "2.0", id, error });
  };
}

/** The answers to the first requests are lost. */
function losing(count: number) {
  return async (send: () => Promise<Response>, attempt: number) => {
    const response = await send();
    if (attempt > count) return response;
    throw new TypeError("The connection was lost.");
  };
}

test("a mutation whose answer is lost is sent again with its key and made once", async () => {
  const { client, requests } = arrange("repeating_1", losing(2));
  const { id } = await client.k8s.create({ name: "web", location: "eu" });
  assert.equal(requests.length, 3);
  assert.match(requests[0]!.idempotencyKey!, /^[0-9a-f]{32}$/);
  assert.equal(new Set(requests.map(({ idempotencyKey }) => idempotencyKey)).size, 1);
  assert.deepEqual(
    (await client.k8s.list()).map((cluster) => cluster.id),
    [id],
  );
});

test("each mutation has another key, a chosen key is used, and queries have none", async () => {
  const { client, requests } = arrange("repeating_2", losing(0));
  const input = { name: "Ada" };
  await Promise.all([client.user.updateName(input), client.customer.updateUserName(input), client.user.me()]);
  await client.user.updateName(input, { idempotencyKey: "mine" });
  const keys = requests.map(({ idempotencyKey }) => idempotencyKey);
  assert.equal(new Set(keys).size, 4);
  assert.deepEqual(keys.slice(2), [undefined, "mine"]);
  await assert.rejects(client.user.updateName({ name: "Grace" }, { idempotencyKey: "mine" }), (error) =>
    isClusterdeskError(error, "CONFLICT"),
  );
});

test("mutations of one batch are repeated each with its key", async () => {
  const { client, requests } = arrange("repeating_3", losing(1));
  await Promise.all([client.k8s.create({ name: "web", location: "eu" }), client.user.updateName({ name: "Ada" })]);
  assert.equal((await client.k8s.list()).length, 1);
  const mutations = requests.filter(({ idempotencyKey }) => idempotencyKey !== undefined);
  assert.deepEqual([mutations.length, new Set(mutations.map(({ idempotencyKey }) => idempotencyKey)).size], [4, 2]);
});

test("a mutation is made although the server restarts meanwhile", async () => {
  const { client } = arrange("repeating_4", losing(0), { repetitions: 8 });
  const { id } = await client.k8s.create({ name: "web", location: "eu" });
  await server.stop("SIGKILL");
  const [deleted] = await Promise.all([client.k8s.delete({ id }), server.launch()]);
  assert.deepEqual(deleted, { success: true });
  assert.deepEqual(await client.k8s.list(), []);
});

test("a mutation is repeated when the server asks for it, and no other failure is", async () => {
  for (const data of [
    { code: "SERVICE_UNAVAILABLE", retryAfterMs: 1 },
    { code: "SERVICE_UNAVAILABLE", outcome: "unknown" },
    { code: "CONFLICT", retryAfterMs: 1 },
  ]) {
    const { client, requests } = arrange("repeating_5", failing(data));
    assert.deepEqual(await client.user.updateName({ name: "Ada" }), { success: true });
    assert.equal(requests.length, 2);
  }
  for (const data of [
    { code: "SERVICE_UNAVAILABLE" },
    { code: "CONFLICT", conflictingId: 1 },
    { code: "TOO_MANY_REQUESTS", retryAfterMs: 1 },
    { code: "TIMEOUT" },
    { code: "INTERNAL_SERVER_ERROR" },
  ]) {
    const { client, requests } = arrange("repeating_5", failing(data));
    await assert.rejects(client.user.updateName({ name: "Ada" }), { code: data.code });
    assert.equal(requests.length, 1);
  }
});

test("a mutation is sent four times at most, and a query once", async () => {
  const { client, requests } = arrange("repeating_6", losing(Number.POSITIVE_INFINITY));
  await assert.rejects(client.user.updateName({ name: "Ada" }), { code: "NETWORK_ERROR" });
  assert.equal(requests.length, 4);
  await assert.rejects(client.user.me(), { code: "NETWORK_ERROR" });
  assert.equal(requests.length, 5);
  const never = arrange("repeating_6", losing(Number.POSITIVE_INFINITY), { repetitions: 0 });
  await assert.rejects(never.client.user.updateName({ name: "Ada" }), { code: "NETWORK_ERROR" });
  assert.equal(never.requests.length, 1);
});

test("a proxy's page about a server out of reach is not the end", async () => {
  const { client, requests } = arrange("repeating_7", async (send, attempt) =>
    attempt > 1 ? send() : new Response("<h1>502 Bad Gateway</h1>", { status: 502 }),
  );
  assert.deepEqual(await client.user.updateName({ name: "Ada" }), { success: true });
  assert.equal(requests.length, 2);
});

test("an abort ends the wait for the next attempt", async () => {
  const controller = new AbortController();
  const { client, requests } = arrange("repeating_8", async (send) => {
    await send();
    setTimeout(() => controller.abort(new Error("enough")), 0);
    throw new TypeError("The connection was lost.");
  });
  await assert.rejects(client.user.updateName({ name: "Ada" }, { signal: controller.signal }), { message: "enough" });
  assert.equal(requests.length, 1);
});

test("a deletion of what has changed since fails with the new summary", async () => {
  const { client } = arrange("repeating_9", losing(0));
  const { confirmToken } = await client.user.summary();
  await client.k8s.create({ name: "web", location: "eu" });
  const error: unknown = await client.user.softDelete({ confirmToken }).catch((reason: unknown) => reason);
  assert(isClusterdeskError(error, "CONFLICT"));
  assert.deepEqual(error.summary, await client.user.summary());
  assert.deepEqual(await client.user.softDelete({ confirmToken: error.summary!.confirmToken }), { success: true });
});
