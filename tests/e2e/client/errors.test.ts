import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { ClusterdeskError, createClient, isClusterdeskError } from "@clusterdesk/client";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";

const server = await Server.start({ RATE_LIMIT_WRITE_MAX_REQUESTS: "3" });
const of = (user: string) => createClient({ url: server.url, token: token(user) });

async function caught(call: Promise<unknown>): Promise<ClusterdeskError> {
  const error: unknown = await call.then(
    () => assert.fail("it succeeded"),
    (reason: unknown) => reason,
  );
  assert(isClusterdeskError(error), String(error));
  assert(error instanceof ClusterdeskError);
  return error;
}

test("invalid input is BAD_REQUEST with all issues", async () => {
  const error = await caught(of("errors_1").k8s.create({ name: "Not Valid", location: "" }));
  assert.deepEqual(
    [error.code, error.number, error.httpStatus, error.path],
    ["BAD_REQUEST", -32602, 400, "k8s.create"],
  );
  assert.deepEqual(error.issues?.map(({ path }) => path).sort(), ["location", "name"]);
  assert.match(error.requestId!, /^[0-9a-f-]{36}$/);
});

test("a second cluster is CONFLICT with the id of the first", async () => {
  const client = of("errors_2");
  const { id } = await client.k8s.create({ name: "one", location: "eu" });
  const error = await caught(client.k8s.create({ name: "two", location: "eu" }));
  assert.deepEqual([error.code, error.conflictingId], ["CONFLICT", id]);
});

test("a call over the rate limit is TOO_MANY_REQUESTS with retryAfterMs", async () => {
  const client = of("errors_3");
  const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => client.k8s.delete({ id: 4711 })));
  const codes = outcomes.map((outcome) => outcome.status === "rejected" && (outcome.reason as ClusterdeskError).code);
  assert.deepEqual(codes.sort(), ["NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "TOO_MANY_REQUESTS"]);
  const error = await caught(client.k8s.delete({ id: 4711 }));
  assert(error.retryAfterMs! > 0);
});

test("a body over the limit is PAYLOAD_TOO_LARGE", async () => {
  const error = await caught(of("errors_4").hello.hello({ text: "x".repeat(2 ** 21) }));
  assert.deepEqual([error.code, error.httpStatus], ["PAYLOAD_TOO_LARGE", 413]);
});

test("a call without a valid token is UNAUTHORIZED", async () => {
  const error = await caught(createClient({ url: server.url, token: "nonsense" }).user.me());
  assert.deepEqual([error.code, error.httpStatus], ["UNAUTHORIZED", 401]);
});

test("an unreachable server is NETWORK_ERROR with the cause", async () => {
  const error = await caught(createClient({ url: "http://127.0.0.1:1/" }).user.me());
  assert.equal(error.code, "NETWORK_ERROR");
  assert(error.cause instanceof Error);
});

test("a response that does not come from clusterdesk is MALFORMED_RESPONSE", async () => {
  const answers = [
    "<h1>502 Bad Gateway</h1>",
    "[]",
    "null",
    '{"jsonrpc":"2.0","id":0,"result":1}',
    '{"error":"no"}',
    '{"error":{"code":1,"message":"Theirs."}}',
  ];
  const proxy = createServer((_, response) =>
    response.writeHead(502, { "x-request-id": "of-the-proxy" }).end(answers.shift()),
  );
  after(() => proxy.close());
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const { port } = proxy.address() as { port: number };
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  const page = await caught(client.user.me());
  assert.deepEqual([page.code, page.httpStatus, page.requestId], ["MALFORMED_RESPONSE", 502, "of-the-proxy"]);
  while (answers.length > 0) assert.equal((await caught(client.user.me())).code, "MALFORMED_RESPONSE");
});

test("a call rejects with what the token function throws", async () => {
  const client = createClient({ url: server.url, token: () => Promise.reject(new Error("signed out")) });
  await assert.rejects(client.user.me(), { message: "signed out" });
});
