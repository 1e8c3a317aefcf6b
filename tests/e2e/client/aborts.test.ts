import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@clusterdesk/client";
import { recording } from "../support/fetch.ts";
import { Server } from "../support/server.ts";
import { token } from "../support/token.ts";

const server = await Server.start();

function arrange(user: string) {
  const record = recording();
  return { ...record, client: createClient({ url: server.url, token: token(user), fetch: record.fetch }) };
}

test("a call aborted before it is sent leaves the batch", async () => {
  const { client, sent } = arrange("aborts_1");
  const abort = new AbortController();
  const calls = [
    client.hello.hello({ text: "a" }, { signal: abort.signal }),
    client.hello.hello({ text: "b" }),
  ] as const;
  abort.abort();
  await assert.rejects(calls[0], { name: "AbortError" });
  assert.deepEqual(await calls[1], { greeting: "hello b" });
  assert.equal(JSON.parse(sent[0]!.body!).params.text, "b");
});

test("no request is sent when all its calls are aborted before", async () => {
  const { client, sent } = arrange("aborts_2");
  await assert.rejects(client.user.me({} as never, { signal: AbortSignal.abort() }), { name: "AbortError" });
  await client.user.me();
  assert.equal(sent.length, 1);
});

test("a call aborted in flight is rejected at once, and the others succeed", async () => {
  const { fetch, sent, signals } = recording();
  const abort = new AbortController();
  const client = createClient({
    url: server.url,
    token: token("aborts_3"),
    fetch: (...request) => {
      const answer = fetch(...request);
      abort.abort(new Error("the user went away"));
      return answer;
    },
  });
  const calls = [
    client.hello.hello({ text: "a" }, { signal: abort.signal }),
    client.hello.hello({ text: "b" }),
  ] as const;
  await assert.rejects(calls[0], { message: "the user went away" });
  assert.deepEqual(await calls[1], { greeting: "hello b" });
  assert.equal(JSON.parse(sent[0]!.body!).length, 2);
  assert.equal(signals[0]!.aborted, false);
});

test("a request is aborted when all its calls are", async () => {
  const { fetch, signals } = recording();
  const abort = new AbortController();
  const client = createClient({
    url: server.url,
    token: token("aborts_4"),
    fetch: (...request) => {
      const answer = fetch(...request);
      abort.abort();
      return answer;
    },
  });
  const options = { signal: abort.signal };
  const outcomes = await Promise.allSettled([client.user.me(undefined, options), client.k8s.list(undefined, options)]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.equal(signals[0]!.aborted, true);
});
