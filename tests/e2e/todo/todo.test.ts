// The example `todo` of the crate `procedures`, used with tRPC's own client and the types that the example serves.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { isTRPCClientError } from "@trpc/client";
import type { AppRouter } from "todo-router";
import { recording } from "../support/fetch.ts";
import { until } from "../support/until.ts";
import { CALLS, type Client, SUBSCRIPTIONS, type Todo } from "./clients.ts";
import { startTodo } from "./example.ts";

const url = await startTodo();
const trpc = `${url}/trpc`;

test("these tests compile with the types that the example serves", async () => {
  await mkdir(".build/todo", { recursive: true });
  // As .ts: skipLibCheck skips all .d.ts files.
  await writeFile(".build/todo/app-router.ts", await (await fetch(`${url}/app-router.d.ts`)).text());
  const result = promisify(execFile)("node_modules/.bin/tsc", ["-p", "todo", "--pretty", "false"]);
  await result.catch(({ stdout }) => assert.fail(stdout));
});

for (const [name, connect] of Object.entries(CALLS)) {
  test(`${name}: a todo is added, listed and finished`, async () => {
    const client = connect(trpc);
    const added = await client.todo.add.mutate({ title: `with ${name}` });
    assert.deepEqual([added.title, added.done], [`with ${name}`, false]);
    assert.deepEqual(await listed(client, added), added);
    const finished = { ...added, done: true };
    assert.deepEqual(await client.todo.finish.mutate({ id: added.id }), finished);
    assert.deepEqual(await listed(client, added), finished);
  });

  test(`${name}: an unknown id is NOT_FOUND`, async () => {
    const error = await caught(connect(trpc).todo.finish.mutate({ id: 4711 }));
    assert.deepEqual([error.data?.code, error.data?.httpStatus, error.data?.path], ["NOT_FOUND", 404, "todo.finish"]);
  });

  test(`${name}: an input without a title is BAD_REQUEST with the field`, async () => {
    const error = await caught(connect(trpc).todo.add.mutate({} as { title: string }));
    assert.equal(error.data?.code, "BAD_REQUEST");
    assert.match(JSON.stringify(error.shape), /title/);
  });

  test(`${name}: concurrent calls have separate outcomes`, async () => {
    const client = connect(trpc);
    const [added, missing, all] = await Promise.allSettled([
      client.todo.add.mutate({ title: `concurrent ${name}` }),
      client.todo.finish.mutate({ id: 4711 }),
      client.todo.list.query(),
    ]);
    assert(added.status === "fulfilled" && added.value.title === `concurrent ${name}`);
    assert(missing.status === "rejected" && isTRPCClientError<AppRouter>(missing.reason));
    assert.equal(missing.reason.data?.code, "NOT_FOUND");
    assert(all.status === "fulfilled" && Array.isArray(all.value));
  });
}

for (const name of ["httpBatchLink", "httpBatchStreamLink"]) {
  test(`${name}: calls of one tick share a request`, async () => {
    const { fetch: recorder, sent } = recording();
    const client = CALLS[name]!(trpc, recorder);
    const titles = ["one", "two", "three"].map((title) => `${title} ${name}`);
    const added = await Promise.all(titles.map((title) => client.todo.add.mutate({ title })));
    assert.deepEqual(
      added.map(({ title }) => title),
      titles,
    );
    assert.equal(sent.length, 1);
  });
}

for (const [name, connect] of Object.entries(SUBSCRIPTIONS)) {
  test(`${name}: a subscription receives each todo as it is added or finished`, async (t) => {
    const events: Todo[] = [];
    const errors: unknown[] = [];
    let started = false;
    let completed = false;
    const subscription = connect(trpc).todo.watch.subscribe(undefined, {
      onStarted: () => {
        started = true;
      },
      onData: (todo) => void events.push(todo),
      onError: (error) => void errors.push(error),
      onComplete: () => {
        completed = true;
      },
    });
    // Otherwise it would reconnect for ever after a failure.
    t.after(() => subscription.unsubscribe());
    await until(() => started, "the subscription to start");
    const writer = CALLS.httpBatchLink!(trpc);
    const added = await writer.todo.add.mutate({ title: `watched with ${name}` });
    const finished = await writer.todo.finish.mutate({ id: added.id });
    await until(() => events.length >= 2, "two events");
    assert.deepEqual(events, [added, finished]);
    subscription.unsubscribe();
    await until(() => completed, "the subscription to complete");
    await writer.todo.add.mutate({ title: `not watched with ${name}` });
    assert.equal(events.length, 2);
    assert.deepEqual(errors, []);
  });
}

test("the same procedures answer JSON-RPC", async () => {
  const call = async (method: string, params?: object) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
    return (await response.json()) as { result?: Todo & Todo[]; error?: { data: { code: string } } };
  };
  const added = (await call("todo.add", { title: "over JSON-RPC" })).result;
  assert.equal(added?.title, "over JSON-RPC");
  assert.deepEqual(
    (await call("todo.list")).result?.find(({ id }) => id === added.id),
    added,
  );
  assert.equal((await call("todo.finish", { id: 4711 })).error?.data.code, "NOT_FOUND");
});

async function listed(client: Client, { id }: Todo): Promise<Todo | undefined> {
  return (await client.todo.list.query()).find((todo) => todo.id === id);
}

async function caught(call: Promise<unknown>) {
  const error: unknown = await call.then(
    () => assert.fail("it succeeded"),
    (reason: unknown) => reason,
  );
  assert(isTRPCClientError<AppRouter>(error), String(error));
  return error;
}
