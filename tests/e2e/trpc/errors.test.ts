import assert from "node:assert/strict";
import { test } from "node:test";
import { isTRPCClientError, type TRPCClientError } from "@trpc/client";
import type { AppRouter } from "../support/router.ts";
import { Server } from "../support/server.ts";
import { token as tokenOf } from "../support/token.ts";
import { CALLS, client, newUser } from "./clients.ts";

const server = await Server.start();
const limited = await Server.start({ RATE_LIMIT_READ_MAX_REQUESTS: "2" });
const url = `${server.url}/trpc`;

async function caught(call: Promise<unknown>): Promise<TRPCClientError<AppRouter>> {
  const error: unknown = await call.then(
    () => assert.fail("it succeeded"),
    (reason: unknown) => reason,
  );
  assert(isTRPCClientError<AppRouter>(error), String(error));
  return error;
}

for (const [name, link] of Object.entries(CALLS)) {
  const mine = () => client(link({ url, token: newUser().token }));

  test(`${name}: zodError has the issues by field`, async () => {
    const { data, shape } = await caught(mine().k8s.createCluster.mutate({ name: "Not Valid", location: "" }));
    assert.deepEqual(
      [data?.code, data?.httpStatus, data?.path, shape?.code],
      ["BAD_REQUEST", 400, "k8s.createCluster", -32600],
    );
    assert.deepEqual(Object.keys(data!.zodError!.fieldErrors).sort(), ["location", "name"]);
    for (const messages of Object.values(data!.zodError!.fieldErrors))
      assert(messages!.every((message) => typeof message === "string" && message.length > 0));
    assert.deepEqual(data!.zodError!.formErrors, []);
    assert.deepEqual(data!.issues?.map(({ path }) => path).sort(), ["location", "name"]);
  });

  test(`${name}: a conflict has the id of the existing object`, async () => {
    const caller = mine();
    const { id } = await caller.k8s.create.mutate({ name: "one", location: "eu" });
    const { data } = await caught(caller.k8s.create.mutate({ name: "two", location: "eu" }));
    assert.deepEqual([data?.code, data?.httpStatus, data?.conflictingId, data?.zodError], ["CONFLICT", 409, id, null]);
  });

  test(`${name}: an unknown path is NOT_FOUND with its path and a request id`, async () => {
    const error = await caught((mine() as any).k8s.nothing.query());
    assert.equal(error.message, 'No procedure found on path "k8s.nothing"');
    assert.deepEqual([error.data?.code, error.data?.path, error.shape?.code], ["NOT_FOUND", "k8s.nothing", -32004]);
    assert.match(error.data!.requestId, /^[0-9a-f-]{36}$/);
  });

  test(`${name}: an unpaid plan is PAYMENT_REQUIRED, and an admin procedure is FORBIDDEN`, async () => {
    const caller = mine();
    assert.deepEqual(
      (await caught(caller.k8s.create.mutate({ name: "one", location: "eu", plan: "PRO" }))).data?.httpStatus,
      402,
    );
    assert.deepEqual((await caught(caller.admin.getStats.query())).data?.code, "FORBIDDEN");
  });

  test(`${name}: a call without a token is UNAUTHORIZED`, async () => {
    const { data } = await caught(client(link({ url })).user.me.query());
    assert.deepEqual([data?.code, data?.httpStatus], ["UNAUTHORIZED", 401]);
  });

  test(`${name}: a call over the rate limit is TOO_MANY_REQUESTS`, async () => {
    const caller = client(link({ url: `${limited.url}/trpc`, token: newUser().token }));
    await caller.user.me.query();
    await caller.user.me.query();
    const { data, message } = await caught(caller.user.me.query());
    assert.deepEqual([data?.code, data?.httpStatus], ["TOO_MANY_REQUESTS", 429]);
    assert(data!.retryAfterMs! > 0);
    assert.match(message, /Too many/);
  });
}

for (const name of ["httpLink", "httpBatchLink", "httpBatchStreamLink"]) {
  const link = CALLS[name]!;

  test(`${name}: the wrong HTTP method is METHOD_NOT_SUPPORTED`, async () => {
    const caller = client(link({ url, token: newUser().token }));
    const { data, message } = await caught((caller as any).k8s.create.query({ name: "one", location: "eu" }));
    assert.deepEqual([data?.code, data?.httpStatus], ["METHOD_NOT_SUPPORTED", 405]);
    assert.equal(message, 'Unsupported GET-request to mutation procedure at path "k8s.create"');
  });

  test(`${name}: a body over the limit is PAYLOAD_TOO_LARGE in tRPC's shape`, async () => {
    const caller = client(link({ url, token: newUser().token }));
    const { data } = await caught(caller.user.updateName.mutate({ name: "x".repeat(2 ** 21) }));
    assert.deepEqual([data?.code, data?.httpStatus], ["PAYLOAD_TOO_LARGE", 413]);
    assert.match(data!.requestId, /^[0-9a-f-]{36}$/);
  });

  test(`${name}: an expired token is UNAUTHORIZED`, async () => {
    const caller = client(link({ url, token: tokenOf("errors_expired", -3600) }));
    assert.equal((await caught(caller.user.me.query())).data?.code, "UNAUTHORIZED");
  });
}

test("a path outside the tRPC mounts has no tRPC error", async () => {
  const error = await caught(
    client(CALLS.httpLink!({ url: `${server.url}/elsewhere`, token: newUser().token })).user.me.query(),
  );
  assert.equal(error.data, undefined);
});
