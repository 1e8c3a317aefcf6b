// Streams of lines and of server-sent events, compared with those of a real tRPC server on Node.
import assert from "node:assert/strict";
import { test } from "node:test";
import { authorization, DIALECTS, normal, pair, serialized, type Dialect } from "./pair.ts";

const anybody = (dialect: Dialect) => authorization("streams", dialect);

type Encoded = [value: unknown[], ...deferred: [key: string | number | null, type: number, chunk: number][]];

/** The lines of a stream put together, and in which order those of each call came. */
function assemble(text: string, dialect: Dialect): unknown {
  const lines = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line));
  const unwrapped = lines.map((line) => (dialect === "superjson" && "json" in line ? line.json : line));
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
  "a date": ["user.me", {}],
  null: ["auth.mySubscription", {}],
  "a failure": ["k8s.get", { 0: { id: 4711 } }],
  "invalid input": ["hello.hello", { 0: { text: "" } }],
  "an unknown path": ["nothing.here", {}],
  "several calls with mixed outcome": ["user.me,k8s.get,hello.hello", { 1: { id: 4711 }, 2: { text: "you" } }],
};

async function stream(
  base: string,
  dialect: Dialect,
  [paths, inputs]: [string, Record<number, unknown>],
  headers: Record<string, string>,
) {
  const input = Object.fromEntries(Object.entries(inputs).map(([index, one]) => [index, serialized(dialect, one)]));
  const url = `${base}/${paths}?batch=1&input=${encodeURIComponent(JSON.stringify(input))}`;
  const response = await fetch(url, { headers: { ...headers, ...anybody(dialect) } });
  const text = await response.text();
  return {
    status: response.status,
    contentType: response.headers.get("content-type"),
    length: response.headers.get("content-length"),
    varies: ["trpc-accept", "accept"].every((name) => response.headers.get("vary")?.split(/, */).includes(name)),
    body: normal(assemble(text, dialect)),
  };
}

/** The first `count` events of a stream of server-sent ones. */
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
      // Pings keep the line alive and say nothing.
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

for (const dialect of DIALECTS) {
  const { ours, theirs } = await pair(dialect);

  for (const [name, batch] of Object.entries(BATCHES)) {
    for (const headers of [{ "trpc-accept": "application/jsonl" }, { accept: "application/jsonl" }]) {
      test(`${dialect}: lines asked for by ${Object.keys(headers)}: ${name}`, async () => {
        assert.deepEqual(
          await stream(ours, dialect, batch, headers as never),
          await stream(theirs, dialect, batch, headers as never),
        );
      });
    }
  }

  const input = (value: unknown) => `input=${encodeURIComponent(JSON.stringify(serialized(dialect, value)))}`;
  const unwrap = (text: unknown) =>
    dialect === "superjson" ? (JSON.parse(String(text)).json ?? JSON.parse(String(text))) : JSON.parse(String(text));

  test(`${dialect}: an event begins and is told as Node does`, async () => {
    const answers = [];
    for (const base of [ours, theirs]) {
      const user = authorization("events", dialect);
      const create = () =>
        fetch(`${base}/k8s.createCluster`, {
          method: "POST",
          headers: { "content-type": "application/json", ...user },
          body: JSON.stringify(serialized(dialect, { name: "one", location: "eu" })),
        });
      // Ours tells its position first.
      const own = base === ours ? 1 : 0;
      const { fields, ...head } = await events(base, `k8s.watch?${input({})}`, 2 + own, user, create);
      const [connected, ...data] = fields;
      if (own) assert.equal(unwrap(data.shift()!["data"]).type, "ready");
      const { id, ...event } = data[0]!;
      assert.match(String(id), /^\d+$/);
      const values = dialect === "superjson" ? (JSON.parse(String(event["data"])).meta.values as object) : {};
      const named = Object.keys(values)
        .filter((path) => !/updatedAt|deletedAt/.test(path))
        .sort();
      answers.push({
        head,
        connected: connected!["event"],
        name: event["event"],
        data: normal(unwrap(event["data"])),
        named,
      });
    }
    // The position is a string in both; its value is each server's own.
    for (const { data } of answers as { data: { id: unknown } }[]) data.id = typeof data.id;
    assert.deepEqual(answers[0], answers[1]);
  });

  const REFUSALS: Record<string, [path: string, headers: Record<string, string>]> = {
    "without a token": [`k8s.watch?${input({})}`, {}],
    "with invalid input": [`k8s.watch?${input({ colour: "blue" })}`, anybody(dialect)],
    "with input that is no JSON": ["k8s.watch?input=%7B", anybody(dialect)],
  };
  for (const [name, [path, headers]] of Object.entries(REFUSALS)) {
    test(`${dialect}: a subscription ${name} is refused in the stream`, async () => {
      const [mine, nodes] = await Promise.all(
        [ours, theirs].map(async (base) => {
          const { fields, ...head } = await events(base, path, 2, headers);
          return { head, names: fields.map(({ event }) => event), error: normal(unwrap(fields[1]?.["data"]), true) };
        }),
      );
      assert.deepEqual(mine, nodes);
    });
  }

  test(`${dialect}: an unknown path is refused as JSON, subscription or not`, async () => {
    const [mine, nodes] = await Promise.all(
      [ours, theirs].map(async (base) => {
        const response = await fetch(`${base}/k8s.nothing?${input({})}`, {
          headers: { accept: "text/event-stream", ...anybody(dialect) },
        });
        return [response.status, response.headers.get("content-type"), normal(await response.json())];
      }),
    );
    assert.deepEqual(mine, nodes);
  });
}
