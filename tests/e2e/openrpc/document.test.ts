// The OpenRPC document, checked with OpenRPC's own tools, which then validate calls with it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import commonjs from "@json-schema-tools/reference-resolver";
import {
  dereferenceDocument,
  MethodCallValidator,
  ParameterValidationError,
  parseOpenRPCDocument,
  validateOpenRPCDocument,
} from "@open-rpc/schema-utils-js";
import { Server } from "../support/server.ts";

// Node returns the whole CommonJS module as the default export.
const resolver = (commonjs as unknown as { default: typeof commonjs }).default;

const server = await Server.start();
const load = async () => (await (await fetch(`${server.url}/openrpc.json`)).json()) as any;
const call = async (method: string, params: unknown) => {
  const headers = { "content-type": "application/json", authorization: `Bearer ${await server.adminToken()}` };
  const response = await fetch(server.url, {
    method: "POST",
    headers,
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  return (await response.json()) as { result?: any; error?: any };
};

test("the document is valid", async () => {
  assert.equal(validateOpenRPCDocument(await load()), true);
});

test("the validator refuses an invalid document", async () => {
  const document = await load();
  delete document.methods[0].params;
  assert.notEqual(validateOpenRPCDocument(document), true);
});

test("every reference can be resolved", async () => {
  const document = await dereferenceDocument(await load(), resolver);
  // The tool does not resolve extensions such as x-event.
  assert(!JSON.stringify(document.methods, (key, value) => (key === "x-event" ? undefined : value)).includes('"$ref"'));
});

test("the tools load the document by its URL", async () => {
  const document = await parseOpenRPCDocument(`${server.url}/openrpc.json`);
  assert.equal(document.info.title, "clusterdesk");
});

test("rpc.discover, /openrpc.json and the committed copy are identical", async () => {
  const document = await load();
  assert.deepEqual((await call("rpc.discover", undefined)).result, document);
  assert.deepEqual(JSON.parse(await readFile("../../clients/openrpc.json", "utf8")), document);
});

test("the served types and the committed ones are identical", async () => {
  const served = await (await fetch(`${server.url}/app-router.d.ts`)).text();
  assert.equal(await readFile("../../clients/app-router.d.ts", "utf8"), served);
});

test("a cached copy is answered with 304", async () => {
  for (const page of ["/openrpc.json", "/app-router.d.ts"]) {
    const first = await fetch(server.url + page);
    const second = await fetch(server.url + page, { headers: { "if-none-match": first.headers.get("etag")! } });
    assert.deepEqual([first.status, second.status, await second.text()], [200, 304, ""]);
  }
});

test("the server accepts the inputs that the document allows, and no others", async () => {
  const document = await dereferenceDocument(await load(), resolver);
  const validator = new MethodCallValidator(document);
  const inputs: [method: string, params: Record<string, unknown>][] = [
    ["hello.hello", { text: "you" }],
    ["hello.hello", { text: "" }],
    ["hello.hello", { text: "x".repeat(1001) }],
    ["hello.hello", {}],
    ["hello.hello", { text: 1 }],
    ["k8s.listDeleted", { limit: 100 }],
    ["k8s.listDeleted", { limit: 101 }],
    ["k8s.listDeleted", { limit: 1.5 }],
    ["k8s.create", { name: "No!", location: "eu" }],
    ["k8s.create", { name: "one", location: "eu", plan: "GOLD" }],
    ["k8s.get", { id: 0 }],
    ["admin.listClusters", { status: "RUNNING" }],
    ["admin.listClusters", { status: "ASLEEP" }],
    ["admin.auditLog", { since: "2026-11-22T09:30:00.000Z" }],
  ];
  for (const [method, params] of inputs) {
    const found = validator.validate(method, params);
    assert(Array.isArray(found), String(found));
    assert(found.every((error) => error instanceof ParameterValidationError));
    const { error } = await call(method, params);
    assert.equal(
      error?.data.code === "BAD_REQUEST",
      found.length > 0,
      `${method} ${JSON.stringify(params)}: ${JSON.stringify(error)}`,
    );
  }
});
