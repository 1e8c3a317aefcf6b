// Sends the same HTTP requests to clusterdesk and to tRPC on Node. Everything that tRPC's client reads must be the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { authorization, normal, pair, serialized, TRANSFORMERS, type Transformer } from "./pair.ts";

interface Request {
  path: string;
  method?: string;
  input?: unknown;
  /** Sent unchanged, instead of `input`. */
  raw?: string;
  batch?: boolean;
  headers?: Record<string, string>;
  user?: string | null;
  /** Both refuse the input, and clusterdesk sends more issues than Node. */
  verbose?: true;
}

const ok = { text: "you" };
const REQUESTS: Record<string, Request> = {
  "a query": { path: "hello.hello", input: ok },
  "a query with a timestamp in its output": { path: "user.me" },
  "a query whose output is null": { path: "auth.mySubscription" },
  "a query with an undefined input": { path: "user.me", input: undefined, raw: "undefined" },
  "a query by POST": { path: "hello.hello", method: "POST", input: ok },
  "a path that is percent-encoded": { path: "hello%2Ehello", input: ok },
  "a path with bad percent-encoding": { path: "hello%E0%A4%A", input: ok },
  "a query with invalid input": { path: "hello.hello", input: { text: "" } },
  "a query with an unknown field": { path: "hello.hello", input: { text: "a", colour: "blue" } },
  "a query without its input": { path: "hello.hello", verbose: true },
  "a query with input that is not JSON": { path: "hello.hello", raw: "{", verbose: true },
  "a query for a missing object": { path: "k8s.get", input: { id: 4711 } },
  "an unknown path": { path: "nothing.here" },
  "an unknown path in a known namespace": { path: "k8s.nothing" },
  "an unknown path by POST": { path: "nothing.here", method: "POST", input: {} },
  "no path": { path: "" },
  "a query without a token": { path: "user.me", user: null },
  "a mutation": { path: "k8s.createCluster", method: "POST", input: { name: "one", location: "eu" }, user: "fresh" },
  "a mutation in conflict": {
    path: "k8s.createCluster",
    method: "POST",
    input: { name: "two", location: "eu" },
    user: "fresh",
  },
  "a mutation with invalid input": { path: "k8s.createCluster", method: "POST", input: { name: "No!", location: "" } },
  "a mutation without a body": { path: "k8s.createCluster", method: "POST", raw: "", verbose: true },
  "a mutation by GET": { path: "k8s.createCluster", input: { name: "one", location: "eu" } },
  "a mutation by PUT": { path: "k8s.createCluster", method: "PUT", input: { name: "one", location: "eu" } },
  "a query by DELETE": { path: "user.me", method: "DELETE", headers: { "content-type": "application/json" } },
  "a mutation with content type text/plain": {
    path: "k8s.createCluster",
    method: "POST",
    raw: "{}",
    headers: { "content-type": "text/plain" },
  },
  "a mutation with a body that is not JSON": { path: "k8s.createCluster", method: "POST", raw: "{", verbose: true },
  "a content type with a parameter": {
    path: "k8s.createCluster",
    method: "POST",
    input: { name: "No!", location: "eu" },
    headers: { "content-type": "Application/JSON; charset=utf-8" },
  },
  HEAD: { path: "user.me", method: "HEAD" },
  "HEAD of an unknown path": { path: "nothing.here", method: "HEAD" },
  "a batch": { path: "hello.hello,user.me", batch: true, input: { 0: ok } },
  "a batch of one": { path: "user.me", batch: true, input: {} },
  "a batch without input": { path: "user.me,auth.mySubscription", batch: true },
  "a batch with different outcomes": {
    path: "user.me,k8s.get,hello.hello",
    batch: true,
    input: { 1: { id: 4711 }, 2: ok },
  },
  "a batch in which all calls fail with the same code": {
    path: "k8s.get,k8s.get",
    batch: true,
    input: { 0: { id: 1 }, 1: { id: 2 } },
  },
  "a batch in which the calls fail with different codes": {
    path: "k8s.get,hello.hello",
    batch: true,
    input: { 0: { id: 1 }, 1: {} },
    verbose: true,
  },
  "a batch with an unknown path": { path: "user.me,nothing.here", batch: true, input: {} },
  "a batch of queries and mutations": { path: "user.me,k8s.createCluster", batch: true, input: {} },
  "a batch of mutations": {
    path: "k8s.createCluster,k8s.createCluster",
    method: "POST",
    batch: true,
    input: { 0: { name: "No!", location: "eu" }, 1: {} },
    verbose: true,
  },
  "a batch by the wrong method": { path: "k8s.createCluster,k8s.createCluster", batch: true, input: {} },
  "a batch whose input is not JSON": { path: "hello.hello,hello.hello", batch: true, raw: "[1", verbose: true },
  "a batch whose input is an array": { path: "hello.hello,hello.hello", batch: true, raw: "[]", verbose: true },
  "a batch whose input is a string": { path: "hello.hello,hello.hello", batch: true, raw: '"x"', verbose: true },
  "a batch over the limit": { path: Array.from({ length: 51 }, () => "user.me").join(), batch: true, input: {} },
  "a batch without a token": { path: "user.me,hello.hello", batch: true, input: {}, user: null },
  "a batch with a subscription": { path: "k8s.watch,k8s.watch", batch: true, input: {} },
  "a stream without a batch": { path: "user.me", headers: { "trpc-accept": "application/jsonl" } },
};

async function ask(base: string, transformer: Transformer, request: Request) {
  const { path, method = "GET", batch = false, input, raw } = request;
  const wrap = (value: unknown) => serialized(transformer, value);
  const given =
    batch && input !== undefined
      ? Object.fromEntries(Object.entries(input as object).map(([index, one]) => [index, wrap(one)]))
      : "input" in request
        ? wrap(input)
        : undefined;
  const text =
    raw === "undefined"
      ? JSON.stringify(wrap(undefined))
      : (raw ?? (given === undefined ? undefined : JSON.stringify(given)));
  const url = new URL(`${base}/${path}`);
  if (batch) url.searchParams.set("batch", "1");
  const body = method === "GET" || method === "HEAD" ? undefined : text;
  if (body === undefined && text !== undefined) url.searchParams.set("input", text);
  const headers: Record<string, string> = {
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...request.headers,
  };
  if (request.user !== null) Object.assign(headers, authorization(request.user ?? "somebody", transformer));
  const response = await fetch(url, { method, headers, body: body ?? null });
  const answer = await response.text();
  return {
    status: response.status,
    // Some refusals of Node have no content type, which fetch reports as text/plain.
    contentType: response.headers.get("content-type")?.replace(/;.*/, "").replace("text/plain", "application/json"),
    // clusterdesk also varies by the headers that decide about CORS.
    varies: ["trpc-accept", "accept"].every((name) => response.headers.get("vary")?.split(/, */).includes(name)),
    body: answer === "" ? "" : normal(JSON.parse(answer), request.verbose),
  };
}

for (const transformer of TRANSFORMERS) {
  const { ours, theirs } = await pair(transformer);
  for (const [name, request] of Object.entries(REQUESTS)) {
    test(`${transformer}: ${name}`, async () => {
      assert.deepEqual(await ask(ours, transformer, request), await ask(theirs, transformer, request));
    });
  }
}
