import assert from "node:assert/strict";
import { test } from "node:test";
import { createTRPCClient, httpBatchLink, httpBatchStreamLink, httpLink, isTRPCClientError } from "@trpc/client";
import superjson from "superjson";
import { recording } from "../support/fetch.ts";
import type { AppRouter } from "../support/router.ts";
import { Server } from "../support/server.ts";
import { CALLS, client, newUser } from "./clients.ts";

const server = await Server.start();
const url = `${server.url}/trpc`;
const adminToken = await server.adminToken();

for (const [name, link] of Object.entries(CALLS)) {
  test(`${name}: a timestamp is a Date with milliseconds`, async () => {
    const before = Date.now();
    const { createdAt } = await client(link({ url, token: newUser().token })).user.me.query();
    assert(createdAt instanceof Date);
    assert(createdAt.getTime() >= before - 1 && createdAt.getTime() <= Date.now());
  });

  test(`${name}: a Date in an input is a timestamp`, async () => {
    const admin = client(link({ url, token: adminToken }));
    const { id, token } = newUser();
    const mine = client(link({ url, token }));
    await mine.user.updateName.mutate({ name: "before" });
    await mine.user.updateName.mutate({ name: "after" });
    const { items: all } = await admin.admin.auditLog.query({ actorId: id });
    const [last, first] = all.filter(({ procedure }) => procedure === "user.updateName");
    const since = new Date(first!.createdAt.getTime() + 1);
    const { items: later } = await admin.admin.auditLog.query({ actorId: id, procedure: "user.updateName", since });
    const { items: earlier } = await admin.admin.auditLog.query({
      actorId: id,
      procedure: "user.updateName",
      until: since,
    });
    // Both may have the same millisecond.
    if (last!.createdAt >= since) assert.deepEqual([later, earlier], [[last], [first]]);
    else assert.deepEqual([later, earlier], [[], [last, first]]);
  });

  test(`${name}: undefined fields and inputs count as omitted`, async () => {
    const mine = client(link({ url, token: newUser().token }));
    assert.equal(await mine.customer.get.query(), null);
    assert.equal(await mine.customer.get.query(undefined), null);
    assert.equal(await mine.customer.get.query({ userId: undefined }), null);
    assert.deepEqual(await mine.k8s.listDeleted.query({ cursor: undefined, limit: 3 }), {
      items: [],
      nextCursor: null,
    });
  });

  test(`${name}: concurrent calls have separate outcomes`, async () => {
    const { id, token } = newUser();
    const mine = client(link({ url, token }));
    const [me, missing, greeting] = await Promise.allSettled([
      mine.user.me.query(),
      mine.k8s.get.query({ id: 4711 }),
      mine.hello.hello.query({ text: "ü & 漢" }),
    ]);
    assert(me.status === "fulfilled" && me.value.id === id);
    assert(missing.status === "rejected" && isTRPCClientError<AppRouter>(missing.reason));
    assert.equal(missing.reason.data?.code, "NOT_FOUND");
    assert(greeting.status === "fulfilled" && greeting.value.greeting === "hello ü &amp; 漢");
  });

  test(`${name}: an aborted call rejects, and the next one succeeds`, async () => {
    const mine = client(link({ url, token: newUser().token }));
    const abort = new AbortController();
    const call = mine.user.me.query(undefined, { signal: abort.signal });
    abort.abort();
    await assert.rejects(call, { name: "TRPCClientError" });
    assert.equal((await mine.hello.hello.query({ text: "you" })).greeting, "hello you");
  });
}

test("a batch with different statuses is 207, and one with the same statuses has that status", async () => {
  const statuses: number[] = [];
  const recorder: typeof fetch = async (...request) => {
    const response = await fetch(...request);
    statuses.push(response.status);
    return response;
  };
  const mine = client(CALLS.httpBatchLink!({ url, token: newUser().token, fetch: recorder }));
  await Promise.allSettled([mine.user.me.query(), mine.k8s.get.query({ id: 4711 })]);
  await Promise.allSettled([mine.k8s.get.query({ id: 4711 }), mine.k8s.get.query({ id: 4712 })]);
  await Promise.all([mine.user.me.query(), mine.user.me.query()]);
  assert.deepEqual(statuses, [207, 404, 200]);
});

test("httpBatchStreamLink sends one request and asks for a stream", async () => {
  const { fetch: recorder, sent } = recording();
  const mine = client(CALLS.httpBatchStreamLink!({ url, token: newUser().token, fetch: recorder }));
  await Promise.all([mine.user.me.query(), mine.k8s.list.query(), mine.auth.mySubscription.query()]);
  assert.equal(sent.length, 1);
  assert.equal(sent[0]!.headers.get("trpc-accept"), "application/jsonl");
});

test("queries can be sent by POST", async () => {
  const { id, token } = newUser();
  for (const link of [httpLink, httpBatchLink, httpBatchStreamLink]) {
    const { fetch: recorder, sent } = recording();
    const headers = { authorization: `Bearer ${token}` };
    const mine = createTRPCClient<AppRouter>({
      links: [link({ url, transformer: superjson, methodOverride: "POST", headers, fetch: recorder })],
    });
    assert.equal((await mine.user.me.query()).id, id);
    assert.equal((await mine.hello.hello.query({ text: "by POST" })).greeting, "hello by POST");
    assert.deepEqual(
      sent.map(({ method }) => method),
      ["POST", "POST"],
    );
  }
});

test("HEAD is answered without content", async () => {
  const response = await fetch(`${url}/user.me`, { method: "HEAD" });
  assert.equal(response.status, 204);
});

test("a batch holds fifty calls", async () => {
  const { fetch: recorder, sent } = recording();
  const headers = { authorization: `Bearer ${newUser().token}` };
  const mine = createTRPCClient<AppRouter>({
    links: [httpBatchLink({ url, transformer: superjson, headers, fetch: recorder, maxItems: 50 })],
  });
  const greetings = await Promise.all(
    Array.from({ length: 120 }, (_, i) => mine.hello.hello.query({ text: `number ${i}` })),
  );
  assert.deepEqual(
    greetings.map(({ greeting }) => greeting),
    Array.from({ length: 120 }, (_, i) => `hello number ${i}`),
  );
  assert.equal(sent.length, 3);
});
