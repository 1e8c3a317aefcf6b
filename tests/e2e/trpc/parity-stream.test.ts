// Compares streamed batches and server-sent events with those of tRPC on Node.
import assert from "node:assert/strict";
import { test } from "node:test";
import { authorization, normal, pair, serialized, TRANSFORMERS, type Transformer } from "./pair.ts";

const streamUser = (transformer: Transformer) => authorization("streams", transformer);

type Encoded = [value: unknown[], ...deferred: [key: string | number | null, type: number, chunk: number][]];

/** Assembles the lines of a streamed batch. Keeps the order of the lines of each call. */
function assemble(text: string, transformer: Transformer): unknown {
  const lines = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line));
  const unwrapped = lines.map((line) => (transformer === "superjson" && "json" in line ? line.json : line));
  const annotations = lines.map((line) => Object.values(line.meta?.values ?? {}).flat());
  const [head, ...chunks] = unwrapped as [Record<string, Encoded>, ...[number, number, Encoded][]];
  const resolve = (encoded: Encoded): unknown => {
    const [[value], ...deferred] = encoded;
    if (deferred.length === 0) return value;
    const follow = ([, type, chunk]: Encoded[1] & {}) => ({
      type,
      chunks: chunks.filter(([id]) => id === chunk).map(([, status, body]) => [status, resolve(body)]),
    });
    if (deferred[0]![0] === null) return follow(deferred[0]!);
    return { ...(value as object), ...Object.fromEntries(deferred.map((one) => [one[0], follow(one)])) };
  };
  return {
    calls: Object.fromEntries(Object.entries(head).map(([index, encoded]) => [index, resolve(encoded)])),
    annotations: annotations.flat(),
  };
}

const BATCHES: Record<string, [paths: string, inputs: Record<number, unknown>]> = {
  "one call": ["hello.hello", { 0: { text: "you" } }],
  "a timestamp": ["user.me", {}],
  null: ["auth.mySubscription", {}],
  "an error": ["k8s.get", { 0: { id: 4711 } }],
  "invalid input": ["hello.hello", { 0: { text: "" } }],
  "an unknown path": ["nothing.here", {}],
  "several calls with different outcomes": ["user.me,k8s.get,hello.hello", { 1: { id: 4711 }, 2: { text: "you" } }],
};

async function stream(
  base: string,
  transformer: Transformer,
  [paths, inputs]: [string, Record<number, unknown>],
  headers: Record<string, string>,
) {
  const input = Object.fromEntries(Object.entries(inputs).map(([index, one]) => [index, serialized(transformer, one)]));
  const url = `${base}/${paths}?batch=1&input=${encodeURIComponent(JSON.stringify(input))}`;
  const response = await fetch(url, { headers: { ...headers, ...streamUser(transformer) } });
  const text = await response.text();
  return {
    status: response.status,
    contentType: response.headers.get("content-type"),
    length: response.headers.get("content-length"),
    varies: ["trpc-accept", "accept"].every((name) => response.headers.get("vary")?.split(/, */).includes(name)),
    body: normal(assemble(text, transformer)),
  };
}

/** The first `count` server-sent events of a response. `act` is called after the first one. */
async function events(
  base: string,
  path: string,
  count: number,
  headers: Record<string, string>,
  act?: () => Promise<unknown>,
) {
  const abort = new AbortController();
  const response = await fetch(`${base}/${path}`, {
    headers: { accept: "text/event-stream", ...headers },
    signal: abort.signal,
  });
  const fields: Record<string, unknown>[] = [];
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split(/\n\n+/);
    text = blocks.pop()!;
    for (const block of blocks) {
      const event = Object.fromEntries(
        block
          .split("\n")
          .filter((line) => line !== "" && !line.startsWith(":"))
          .map((line) => line.split(/: ?(.*)/s).slice(0, 2)),
      );
      // Pings only keep the connection alive.
      if (event.event !== "ping" && Object.keys(event).length > 0) fields.push(event);
      if (fields.length === 1) void act?.();
    }
    if (fields.length >= count) break;
  }
  abort.abort();
  const type = response.headers.get("content-type");
  return {
    status: response.status,
    type: type?.split(";")[0],
    cache: response.headers.get("cache-control"),
    buffering: response.headers.get("x-accel-buffering"),
    fields,
  };
}

for (const transformer of TRANSFORMERS) {
  const { ours, theirs } = await pair(transformer);

  for (const [name, batch] of Object.entries(BATCHES)) {
    for (const headers of [{ "trpc-accept": "application/jsonl" }, { accept: "application/jsonl" }]) {
      test(`${transformer}: a stream requested by ${Object.keys(headers)}: ${name}`, async () => {
        assert.deepEqual(
          await stream(ours, transformer, batch, headers as never),
          await stream(theirs, transformer, batch, headers as never),
        );
      });
    }
  }

  const input = (value: unknown) => `input=${encodeURIComponent(JSON.stringify(serialized(transformer, value)))}`;
  const unwrap = (text: unknown) =>
    transformer === "superjson"
      ? (JSON.parse(String(text)).json ?? JSON.parse(String(text)))
      : JSON.parse(String(text));

  test(`${transformer}: a subscription sends the same events as Node`, async () => {
    const answers = [];
    for (const base of [ours, theirs]) {
      const user = authorization("events", transformer);
      const create = () =>
        fetch(`${base}/k8s.createCluster`, {
          method: "POST",
          headers: { "content-type": "application/json", ...user },
          body: JSON.stringify(serialized(transformer, { name: "one", location: "eu" })),
        });
      // clusterdesk sends a `ready` event first.
      const own = base === ours ? 1 : 0;
      const { fields, ...head } = await events(base, `k8s.watch?${input({})}`, 2 + own, user, create);
      const [connected, ...data] = fields;
      if (own) assert.equal(unwrap(data.shift()!.data).type, "ready");
      const { id, ...event } = data[0]!;
      assert.match(String(id), /^\d+$/);
      const values = transformer === "superjson" ? (JSON.parse(String(event.data)).meta.values as object) : {};
      const named = Object.keys(values)
        .filter((path) => !/updatedAt|deletedAt/.test(path))
        .sort();
      answers.push({
        head,
        connected: connected!.event,
        name: event.event,
        data: normal(unwrap(event.data)),
        named,
      });
    }
    // Both ids are strings. Their values differ.
    for (const { data } of answers as { data: { id: unknown } }[]) data.id = typeof data.id;
    assert.deepEqual(answers[0], answers[1]);
  });

  const REFUSALS: Record<string, [path: string, headers: Record<string, string>]> = {
    "without a token": [`k8s.watch?${input({})}`, {}],
    "with invalid input": [`k8s.watch?${input({ colour: "blue" })}`, streamUser(transformer)],
    "with input that is not JSON": ["k8s.watch?input=%7B", streamUser(transformer)],
  };
  for (const [name, [path, headers]] of Object.entries(REFUSALS)) {
    test(`${transformer}: a subscription ${name} is refused in the stream`, async () => {
      const [mine, nodes] = await Promise.all(
        [ours, theirs].map(async (base) => {
          const { fields, ...head } = await events(base, path, 2, headers);
          return { head, names: fields.map(({ event }) => event), error: normal(unwrap(fields[1]?.data), true) };
        }),
      );
      assert.deepEqual(mine, nodes);
    });
  }

  test(`${transformer}: an unknown path is refused as JSON, also for subscriptions`, async () => {
    const [mine, nodes] = await Promise.all(
      [ours, theirs].map(async (base) => {
        const response = await fetch(`${base}/k8s.nothing?${input({})}`, {
          headers: { accept: "text/event-stream", ...streamUser(transformer) },
        });
        return [response.status, response.headers.get("content-type"), normal(await response.json())];
      }),
    );
    assert.deepEqual(mine, nodes);
  });
}
