// Subscriptions with tRPC's client: events arrive in order, and lost connections neither lose nor repeat any.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createTRPCClient,
  createWSClient,
  httpSubscriptionLink,
  isTRPCClientError,
  type TRPCClientError,
  wsLink,
} from "@trpc/client";
import { EventSource } from "eventsource";
import superjson from "superjson";
import { WebSocket } from "ws";
import { TcpProxy } from "../support/proxy.ts";
import type { AppRouter } from "../support/router.ts";
import { Server } from "../support/server.ts";
import { token as tokenOf } from "../support/token.ts";
import { until } from "../support/until.ts";
import { CALLS, type Client, client, newUser, WATCHES } from "./clients.ts";

const server = await Server.start();
const adminToken = await server.adminToken();

/** Subscribes and records what arrives. */
function watch(watcher: Client, input: Parameters<Client["k8s"]["watch"]["subscribe"]>[0] = undefined) {
  const seen: { id: string; type: string; name?: string; at?: Date }[] = [];
  const errors: TRPCClientError<AppRouter>[] = [];
  const states: string[] = [];
  const calls = { started: 0, stopped: 0, completed: 0 };
  const subscription = watcher.k8s.watch.subscribe(input, {
    onStarted: () => void calls.started++,
    onStopped: () => void calls.stopped++,
    onComplete: () => void calls.completed++,
    onConnectionStateChange: ({ state }) => void states.push(state),
    onError: (error) => void errors.push(error as TRPCClientError<AppRouter>),
    onData: ({ id, data }) => {
      assert.equal(id, data.id);
      seen.push({ id, type: data.type, ...("cluster" in data && { name: data.cluster.name, at: data.at }) });
    },
  });
  const types = () => seen.map(({ type }) => type);
  return {
    seen,
    errors,
    states,
    calls,
    types,
    subscription,
    ready: () => until(() => types().includes("ready"), "ready"),
  };
}

/** Creates, renames and deletes a cluster. */
async function change(caller: Client, name: string) {
  const { id } = await caller.k8s.create.mutate({ name, location: "eu" });
  await caller.k8s.update.mutate({ id, name: `${name}-2` });
  await caller.k8s.delete.mutate({ id });
  return id;
}

for (const [name, link] of Object.entries(WATCHES)) {
  const arrange = (base: string) => {
    const { id, token } = newUser();
    // Mutations do not use the proxy, so that they work while the connection is cut.
    const caller = client(CALLS.httpLink!({ url: `${server.url}/trpc`, token }));
    return { id, token, caller, watched: () => watch(client(link({ url: `${base}/trpc`, token }))) };
  };

  test(`${name}: events arrive once and in order, with Dates, and only those of the caller`, async () => {
    const mine = arrange(server.url);
    const other = arrange(server.url);
    const watched = mine.watched();
    await watched.ready();
    await change(other.caller, "theirs");
    await change(mine.caller, "mine");
    await until(() => watched.types().includes("deleted"), "deleted");
    assert.deepEqual(watched.types(), ["ready", "created", "updated", "deleted"]);
    assert.deepEqual(
      watched.seen.map(({ name }) => name),
      [undefined, "mine", "mine-2", "mine-2"],
    );
    assert(watched.seen.slice(1).every(({ at }) => at instanceof Date));
    const ids = watched.seen.map(({ id }) => Number(id));
    assert.deepEqual(
      ids,
      [...ids].sort((a, b) => a - b),
    );
    assert.equal(watched.calls.started, 1);
    watched.subscription.unsubscribe();
    await until(() => watched.calls.completed === 1, "completed");
    assert.deepEqual(watched.errors, []);
  });

  test(`${name}: it resumes after a lost connection without losing or repeating events`, async () => {
    const proxy = await TcpProxy.to(server.url);
    const { caller, watched: begin } = arrange(proxy.url);
    const watched = begin();
    await watched.ready();
    await change(caller, "before");
    await until(() => watched.seen.length === 4, "four events");
    proxy.cut();
    await change(caller, "meanwhile");
    proxy.restore();
    await until(() => watched.seen.length === 7, "seven events");
    await change(caller, "after");
    await until(() => watched.seen.length >= 10, "ten events");
    assert.deepEqual(
      watched.seen.map(({ name, type }) => `${name} ${type}`).slice(1),
      ["before", "meanwhile", "after"].flatMap((name) => [`${name} created`, `${name}-2 updated`, `${name}-2 deleted`]),
    );
    assert.equal(new Set(watched.seen.map(({ id }) => id)).size, 10);
    watched.subscription.unsubscribe();
  });

  test(`${name}: no event is lost when the connection is lost before the first one`, async () => {
    const proxy = await TcpProxy.to(server.url);
    const { caller, watched: begin } = arrange(proxy.url);
    const watched = begin();
    await watched.ready();
    proxy.cut();
    await change(caller, "meanwhile");
    proxy.restore();
    await until(() => watched.seen.length === 4, "four events");
    assert.deepEqual(watched.types(), ["ready", "created", "updated", "deleted"]);
    watched.subscription.unsubscribe();
  });

  test(`${name}: it resumes after a given event id`, async () => {
    const { caller, token, watched: begin } = arrange(server.url);
    const first = begin();
    await first.ready();
    await change(caller, "one");
    await until(() => first.seen.length === 4, "four events");
    first.subscription.unsubscribe();
    const second = watch(client(link({ url: `${server.url}/trpc`, token })), { lastEventId: first.seen[1]!.id });
    await until(() => second.seen.length === 2, "two events");
    assert.deepEqual(second.seen, first.seen.slice(2));
    second.subscription.unsubscribe();
  });

  test(`${name}: an admin sees all events, or those of one user`, async () => {
    const { id, caller } = arrange(server.url);
    const admin = client(link({ url: `${server.url}/trpc`, token: adminToken }));
    const all = watch(admin);
    const one = watch(admin, { userId: id });
    await Promise.all([all.ready(), one.ready()]);
    await change(caller, "seen");
    await until(() => one.types().includes("deleted") && all.types().includes("deleted"), "deleted");
    assert.deepEqual(one.types(), ["ready", "created", "updated", "deleted"]);
    assert.deepEqual(
      one.seen.slice(1),
      all.seen.filter(({ name }) => name?.startsWith("seen")),
    );
    for (const { subscription } of [all, one]) subscription.unsubscribe();
  });

  test(`${name}: a refused subscription is a typed error and is not repeated`, async () => {
    const { token } = newUser();
    const watched = watch(client(link({ url: `${server.url}/trpc`, token })), { userId: "somebody_else" });
    await until(() => watched.errors.length > 0, "an error");
    const [error] = watched.errors;
    assert(isTRPCClientError<AppRouter>(error));
    assert.deepEqual([error.data?.code, error.data?.httpStatus, error.data?.path], ["FORBIDDEN", 403, "k8s.watch"]);
    const invalid = watch(client(link({ url: `${server.url}/trpc`, token })), { colour: "blue" } as never);
    await until(() => invalid.errors.length > 0, "an error");
    assert.deepEqual(invalid.errors[0]!.data?.code, "BAD_REQUEST");
    assert(invalid.errors[0]!.data?.zodError);
  });
}

// Last, and one after the other, because they stop the server that all tests share.
for (const [name, link] of Object.entries(WATCHES)) {
  test(`${name}: no event is lost in a restart of the server`, async () => {
    const { token } = newUser();
    const caller = client(CALLS.httpLink!({ url: `${server.url}/trpc`, token }));
    const watched = watch(client(link({ url: `${server.url}/trpc`, token })));
    await watched.ready();
    await change(caller, "before");
    await until(() => watched.seen.length === 4, "four events");
    await server.stop();
    await server.launch();
    await change(caller, "after");
    await until(() => watched.seen.length >= 7, "seven events");
    assert.deepEqual(watched.types(), ["ready", "created", "updated", "deleted", "created", "updated", "deleted"]);
    assert.equal(new Set(watched.seen.map(({ id }) => id)).size, 7);
    watched.subscription.unsubscribe();
  });
}

test("wsLink: a token that has expired is asked for again, and no event is lost", async () => {
  const { id, token } = newUser();
  const caller = client(CALLS.httpLink!({ url: `${server.url}/trpc`, token }));
  // The server tolerates 30 seconds of clock skew: the first token is valid for a few seconds.
  const tokens = [tokenOf(id, -24)];
  let asked = 0;
  const socket = createWSClient({
    url: `${server.url.replace(/^http/, "ws")}/trpc`,
    WebSocket: WebSocket as never,
    connectionParams: () => ({ token: tokens[asked++] ?? token }),
  });
  const watched = watch(createTRPCClient<AppRouter>({ links: [wsLink({ client: socket, transformer: superjson })] }));
  await watched.ready();
  const cluster = await caller.k8s.create.mutate({ name: "renamed", location: "eu" });
  let written = 0;
  await until(async () => {
    await caller.k8s.update.mutate({ id: cluster.id, name: `name-${++written}` });
    return asked > 1;
  }, "another token");
  await until(() => watched.seen.length === 2 + written, "every event");
  assert.deepEqual(
    watched.seen.slice(2).map(({ name }) => name),
    Array.from({ length: written }, (_, i) => `name-${i + 1}`),
  );
  assert.deepEqual(watched.errors, []);
  watched.subscription.unsubscribe();
  await socket.close();
});

test("httpSubscriptionLink: a cookie that is renewed resumes the stream, and no event is lost", async () => {
  const byCookie = await Server.start({ SESSION_COOKIES: "__session" });
  const { id, token } = newUser();
  const url = `${byCookie.url}/api/trpc/edge`;
  const caller = client(CALLS.httpLink!({ url, token }));
  // As a browser's cookie, which Clerk's script renews every minute.
  let cookie = tokenOf(id, -24);
  let opened = 0;
  const withCookie: typeof fetch = (input, init) => {
    opened += 1;
    return fetch(input, { ...init, headers: { ...init?.headers, cookie: `__session=${cookie}` } });
  };
  const link = httpSubscriptionLink<AppRouter, typeof EventSource>({
    url,
    transformer: superjson,
    EventSource,
    eventSourceOptions: { fetch: withCookie as never },
  });
  const watched = watch(createTRPCClient<AppRouter>({ links: [link] }));
  await watched.ready();
  cookie = token;
  const cluster = await caller.k8s.create.mutate({ name: "renamed", location: "eu" });
  let written = 0;
  await until(async () => {
    await caller.k8s.update.mutate({ id: cluster.id, name: `name-${++written}` });
    return opened > 1;
  }, "another stream");
  await until(() => watched.seen.length === 2 + written, "every event");
  assert.deepEqual(watched.errors, []);
  watched.subscription.unsubscribe();
});
