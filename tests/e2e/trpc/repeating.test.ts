import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { isTRPCClientError } from "@trpc/client";
import { Server } from "../support/server.ts";
import { newUser } from "./clients.ts";
import { keyed } from "./keyed.ts";

const server = await Server.start();

/** A client whose answers to the first requests are lost, and the requests that it has sent: whether each had a key, and which. */
function arrange(lost: number) {
  const requests: (string | null)[] = [];
  const { token } = newUser();
  const send: typeof fetch = async (input, init) => {
    requests.push(new Headers(init?.headers).get("Idempotency-Key"));
    const response = await fetch(input, init);
    if (requests.length <= lost) throw new TypeError("The connection was lost.");
    return response;
  };
  return { client: keyed(`${server.url}/trpc`, () => ({ authorization: `Bearer ${token}` }), send), requests };
}

test("the recipe of the page is the code that is tested here", async () => {
  const page = await readFile("../../docs/API.md", "utf8");
  const section = page.slice(page.indexOf("## Idempotency keys")).split("\n## ")[0]!;
  const recipe = /```ts\n(.*?)```/s.exec(section)![1]!;
  // The page has the global `fetch`.
  const code = (await readFile("trpc/keyed.ts", "utf8")).replace("        fetch,\n", "").replace(", fetch,", ",");
  const lines = (text: string) => text.split("\n").map((line) => line.trim());
  assert(lines(code).join("\n").includes(lines(recipe.trimEnd()).join("\n")), recipe);
});

test("a mutation whose answer is lost is sent again with its key and made once", async () => {
  const { client, requests } = arrange(2);
  const { id } = await client.k8s.create.mutate({ name: "web", location: "eu" });
  assert.equal(requests.length, 3);
  assert.match(requests[0]!, /^[0-9a-f-]{36}$/);
  assert.equal(new Set(requests).size, 1);
  assert.deepEqual(
    (await client.k8s.list.query()).map((cluster) => cluster.id),
    [id],
  );
});

test("each mutation has a key of its own, or the chosen one, and an answer is not asked for again", async () => {
  const { client, requests } = arrange(0);
  await Promise.all([client.user.updateName.mutate({ name: "Ada" }), client.user.updateName.mutate({ name: "Ada" })]);
  const context = { idempotencyKey: "mine" };
  await client.k8s.create.mutate({ name: "web", location: "eu" }, { context });
  await client.user.me.query();
  assert.equal(new Set(requests).size, 4);
  assert.deepEqual(requests.slice(2), ["mine", null]);
  const other = client.k8s.create.mutate({ name: "db", location: "eu" }, { context });
  await assert.rejects(other, (error) => isTRPCClientError(error) && error.data?.code === "CONFLICT");
  assert.equal(requests.length, 5);
});

test("a mutation is sent four times at most", async () => {
  const { client, requests } = arrange(Number.POSITIVE_INFINITY);
  await assert.rejects(client.user.updateName.mutate({ name: "Ada" }), (error) => isTRPCClientError(error));
  assert.equal(requests.length, 4);
});
