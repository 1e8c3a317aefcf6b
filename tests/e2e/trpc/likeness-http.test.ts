// The same raw requests to ours and to a real tRPC server on Node: what the client looks at has to be the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { authorization, DIALECTS, normal, pair, serialized, type Dialect } from "./pair.ts";

interface Question {
  path: string;
  method?: string;
  input?: unknown;
  /** Given as it is, in place of `input`. */
  raw?: string;
  batch?: boolean;
  headers?: Record<string, string>;
  user?: string | null;
  /** Both refuse the input, and we say more about it than Node does. */
  wordy?: true;
}

const ok = { text: "you" };
const QUESTIONS: Record<string, Question> = {
  "a query": { path: "hello.hello", input: ok },
  "a query with a date in its answer": { path: "user.me" },
  "a query whose answer is null": { path: "auth.mySubscription" },
  "a query with an undefined input given": { path: "user.me", input: undefined, raw: "undefined" },
  "a query by POST": { path: "hello.hello", method: "POST", input: ok },
  "a path that is percent-encoded": { path: "hello%2Ehello", input: ok },
  "a path with bad percent-encoding": { path: "hello%E0%A4%A", input: ok },
  "a query with invalid input": { path: "hello.hello", input: { text: "" } },
  "a query with an unknown field": { path: "hello.hello", input: { text: "a", colour: "blue" } },
  "a query without its input": { path: "hello.hello", wordy: true },
  "a query with input that is no JSON": { path: "hello.hello", raw: "{", wordy: true },
  "a query for what is missing": { path: "k8s.get", input: { id: 4711 } },
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
  "a mutation without a body": { path: "k8s.createCluster", method: "POST", raw: "", wordy: true },
  "a mutation by GET": { path: "k8s.createCluster", input: { name: "one", location: "eu" } },
  "a mutation by PUT": { path: "k8s.createCluster", method: "PUT", input: { name: "one", location: "eu" } },
  "a query by DELETE": { path: "user.me", method: "DELETE", headers: { "content-type": "application/json" } },
  "a mutation that is text": {
    path: "k8s.createCluster",
    method: "POST",
    raw: "{}",
    headers: { "content-type": "text/plain" },
  },
  "a mutation that is no JSON": { path: "k8s.createCluster", method: "POST", raw: "{", wordy: true },
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
  "a batch with mixed outcome": { path: "user.me,k8s.get,hello.hello", batch: true, input: { 1: { id: 4711 }, 2: ok } },
  "a batch that fails in one way": { path: "k8s.get,k8s.get", batch: true, input: { 0: { id: 1 }, 1: { id: 2 } } },
  "a batch that fails in two ways": {
    path: "k8s.get,hello.hello",
    batch: true,
    input: { 0: { id: 1 }, 1: {} },
    wordy: true,
  },
  "a batch with an unknown path": { path: "user.me,nothing.here", batch: true, input: {} },
  "a batch of queries and mutations": { path: "user.me,k8s.createCluster", batch: true, input: {} },
  "a batch of mutations": {
    path: "k8s.createCluster,k8s.createCluster",
    method: "POST",
    batch: true,
    input: { 0: { name: "No!", location: "eu" }, 1: {} },
    wordy: true,
  },
  "a batch by the wrong verb": { path: "k8s.createCluster,k8s.createCluster", batch: true, input: {} },
  "a batch whose input is no object": { path: "hello.hello,hello.hello", batch: true, raw: "[1", wordy: true },
  "a batch whose input is an array": { path: "hello.hello,hello.hello", batch: true, raw: "[]", wordy: true },
  "a batch whose input is a string": { path: "hello.hello,hello.hello", batch: true, raw: '"x"', wordy: true },
  "a batch over the limit": { path: Array.from({ length: 51 }, () => "user.me").join(), batch: true, input: {} },
  "a batch without a token": { path: "user.me,hello.hello", batch: true, input: {}, user: null },
  "a batch with a subscription": { path: "k8s.watch,k8s.watch", batch: true, input: {} },
  "a stream that is no batch": { path: "user.me", headers: { "trpc-accept": "application/jsonl" } },
};

async function ask(base: string, dialect: Dialect, question: Question) {
  const { path, method = "GET", batch = false, input, raw } = question;
  const wrap = (value: unknown) => serialized(dialect, value);
  const given =
    batch && input !== undefined
      ? Object.fromEntries(Object.entries(input as object).map(([index, one]) => [index, wrap(one)]))
      : "input" in question
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
    ...question.headers,
  };
  if (question.user !== null) Object.assign(headers, authorization(question.user ?? "somebody", dialect));
  const response = await fetch(url, { method, headers, body: body ?? null });
  const answer = await response.text();
  return {
    status: response.status,
    // Node leaves it away from some refusals, and then it is text.
    contentType: response.headers.get("content-type")?.replace(/;.*/, "").replace("text/plain", "application/json"),
    // Ours varies by what decides about CORS as well.
    varies: ["trpc-accept", "accept"].every((name) => response.headers.get("vary")?.split(/, */).includes(name)),
    body: answer === "" ? "" : normal(JSON.parse(answer), question.wordy),
  };
}

for (const dialect of DIALECTS) {
  const { ours, theirs } = await pair(dialect);
  for (const [name, question] of Object.entries(QUESTIONS)) {
    test(`${dialect}: ${name}`, async () => {
      assert.deepEqual(await ask(ours, dialect, question), await ask(theirs, dialect, question));
    });
  }
}
