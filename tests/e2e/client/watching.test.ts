import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Client,
  type ClusterChange,
  type ClusterdeskError,
  createClient,
  isClusterdeskError,
  type WatchState,
} from "@clusterdesk/client";
import { WebSocket } from "ws";
import { TcpProxy } from "../support/proxy.ts";
import { Server } from "../support/server.ts";
import { token as tokenOf } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const limited = await Server.start({ RATE_LIMIT_READ_MAX_REQUESTS: "2", RATE_LIMIT_READ_WINDOW_MS: "1500" });

let users = 0;
const newUser = () => `watching_${++users}`;

/** A WebSocket class that records its instances. */
function sockets() {
  const all: WebSocket[] = [];
  class Counted extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      all.push(this);
    }
  }
  return { Counted, all, open: () => all.filter(({ readyState }) => readyState === WebSocket.OPEN).length };
}

function arrange(base = server.url, user = newUser()) {
  const { Counted, ...count } = sockets();
  const client = createClient({ url: base, token: tokenOf(user), WebSocket: Counted });
  // The writer does not use the proxy, so that it works while the connection is cut.
  return { user, client, writer: createClient({ url: server.url, token: tokenOf(user) }), ...count };
}

function watch(
  client: Client,
  input?: { userId?: string; lastEventId?: string; plan?: "FREE" | "PRO" },
  signal?: AbortSignal,
) {
  const seen: ClusterChange[] = [];
  const errors: ClusterdeskError[] = [];
  const states: WatchState[] = [];
  const causes: (string | undefined)[] = [];
  const subscription = client.k8s.watch(input, {
    onEvent: (event) => void seen.push(event),
    onError: (error) => void errors.push(error),
    onStateChange: (state, error) => {
      states.push(state);
      causes.push(error?.code);
    },
    signal,
  });
  const types = () => seen.map(({ type }) => type);
  return {
    seen,
    errors,
    states,
    causes,
    types,
    ...subscription,
    ready: () => until(() => types().includes("ready"), "ready"),
  };
}

async function change(client: Client, name: string) {
  const { id } = await client.k8s.create({ name, location: "eu" });
  await client.k8s.update({ id, name: `${name}-2` });
  await client.k8s.delete({ id });
}

test("events arrive in order", async () => {
  const { client, writer } = arrange();
  const watched = watch(client);
  await watched.ready();
  await change(writer, "one");
  await until(() => watched.seen.length === 4, "four events");
  assert.deepEqual(watched.types(), ["ready", "created", "updated", "deleted"]);
  assert.deepEqual(watched.states, ["connecting", "open"]);
  watched.unsubscribe();
  assert.deepEqual(watched.states, ["connecting", "open", "closed"]);
  assert.deepEqual(watched.errors, []);
});

test("all subscriptions share one socket, which is closed after the last one", async () => {
  const { client, writer, all, open } = arrange();
  const watched = [watch(client), watch(client, { plan: "FREE" }), watch(client, { plan: "PRO" })] as const;
  await Promise.all(watched.map(({ ready }) => ready()));
  assert.equal(all.length, 1);
  watched[1].unsubscribe();
  await change(writer, "one");
  await until(() => watched[0].seen.length === 4, "four events");
  assert.deepEqual(watched[1].types(), ["ready"]);
  assert.deepEqual(watched[2].types(), ["ready"]);
  for (const { unsubscribe } of watched) unsubscribe();
  await until(() => open() === 0, "closed");
  const again = watch(client);
  await again.ready();
  assert.equal(all.length, 2);
  again.unsubscribe();
});

test("it resumes after a lost connection without losing or repeating events", async () => {
  const proxy = await TcpProxy.to(server.url);
  const { client, writer } = arrange(proxy.url);
  const watched = [watch(client), watch(client)];
  await Promise.all(watched.map(({ ready }) => ready()));
  await change(writer, "before");
  await until(() => watched.every(({ seen }) => seen.length === 4), "four events");
  proxy.cut();
  await change(writer, "meanwhile");
  await until(() => watched.every(({ states }) => states.at(-1) === "reconnecting"), "reconnecting");
  proxy.restore();
  await until(() => watched.every(({ seen }) => seen.length === 7), "seven events");
  await change(writer, "after");
  await until(() => watched.every(({ seen }) => seen.length >= 10), "ten events");
  for (const { seen, states, unsubscribe } of watched) {
    unsubscribe();
    assert.deepEqual(
      seen.slice(1).map((event) => "cluster" in event && `${event.cluster.name} ${event.type}`),
      ["before", "meanwhile", "after"].flatMap((name) => [`${name} created`, `${name}-2 updated`, `${name}-2 deleted`]),
    );
    assert.equal(new Set(seen.map(({ id }) => id)).size, 10);
    assert.deepEqual(states, ["connecting", "open", "reconnecting", "open", "closed"]);
  }
});

test("no event is lost in a restart of the server, not even the first one", async () => {
  const { client, writer } = arrange();
  const watched = watch(client);
  await watched.ready();
  await server.stop();
  await server.launch();
  await change(writer, "after");
  await until(() => watched.seen.length === 4, "four events");
  assert.deepEqual(watched.types(), ["ready", "created", "updated", "deleted"]);
  watched.unsubscribe();
});

test("it waits for a server that has not started yet", async () => {
  const proxy = await TcpProxy.to(server.url);
  proxy.cut();
  const { client, all } = arrange(proxy.url);
  const watched = watch(client);
  await until(() => all.length >= 2, "two attempts");
  assert.deepEqual(
    [watched.states, watched.causes],
    [
      ["connecting", "reconnecting"],
      [undefined, "NETWORK_ERROR"],
    ],
  );
  proxy.restore();
  await watched.ready();
  watched.unsubscribe();
});

test("it resumes after a given event id", async () => {
  const { client, writer } = arrange();
  const first = watch(client);
  await first.ready();
  await change(writer, "one");
  await until(() => first.seen.length === 4, "four events");
  const second = watch(client, { lastEventId: first.seen[1]!.id });
  await until(() => second.seen.length === 2, "two events");
  assert.deepEqual(second.seen, first.seen.slice(2));
  first.unsubscribe();
  second.unsubscribe();
});

test("a refused subscription ends with its error, and the others continue", async () => {
  const { client, writer, open } = arrange();
  const watched = watch(client);
  const [foreign, invalid] = [watch(client, { userId: "somebody_else" }), watch(client, { colour: "blue" } as never)];
  await until(() => foreign.errors.length + invalid.errors.length === 2, "two errors");
  assert.deepEqual(
    [foreign.errors[0]!.code, foreign.errors[0]!.path, foreign.states.at(-1)],
    ["FORBIDDEN", "k8s.watch", "closed"],
  );
  assert.deepEqual([invalid.errors[0]!.code, invalid.errors[0]!.issues?.[0]?.path], ["BAD_REQUEST", "colour"]);
  await watched.ready();
  await change(writer, "one");
  await until(() => watched.seen.length === 4, "four events");
  watched.unsubscribe();
  await until(() => open() === 0, "closed");
});

test("a refused token ends the subscription without another attempt", async () => {
  for (const token of ["nonsense", tokenOf("watching_expired", -3600), "no token\n", undefined]) {
    const { Counted, all } = sockets();
    const watched = watch(createClient({ url: server.url, token, WebSocket: Counted }));
    await until(() => watched.errors.length > 0, "an error");
    assert.deepEqual(
      watched.errors.map(({ code }) => code),
      ["UNAUTHORIZED"],
    );
    assert.equal(watched.states.at(-1), "closed");
    assert(all.length <= 1);
  }
});

test("the subscription of a deleted user ends without another attempt", async () => {
  const { client, writer, user } = arrange();
  const watched = watch(client);
  await watched.ready();
  // The deletion causes an event, and each event a look-up of the user.
  await writer.k8s.create({ name: "one", location: "eu" });
  await createClient({ url: server.url, token: await server.adminToken() }).user.softDelete({ userId: user });
  await until(() => watched.errors.length > 0, "an error");
  assert.equal(watched.errors[0]!.code, "UNAUTHORIZED");
});

test("an expired token is replaced by a new one", async () => {
  const user = newUser();
  const { Counted, all } = sockets();
  // The server tolerates 30 seconds of clock skew: the first token is valid for six more seconds.
  const tokens = [tokenOf(user, -24), tokenOf(user)];
  const client = createClient({
    url: server.url,
    token: () => (tokens.length > 1 ? tokens.shift() : tokens[0]),
    WebSocket: Counted,
  });
  const writer = createClient({ url: server.url, token: tokenOf(user) });
  const watched = watch(client);
  await watched.ready();
  const { id } = await writer.k8s.create({ name: "one", location: "eu" });
  // Each event causes a look-up of the user.
  let written = 0;
  await until(async () => {
    await writer.k8s.update({ id, name: `name-${++written}` });
    return watched.states.includes("reconnecting");
  }, "reconnecting");
  await until(() => watched.seen.length === 2 + written, "every event");
  assert.deepEqual(
    watched.seen.slice(2).map((event) => "cluster" in event && event.cluster.name),
    Array.from({ length: written }, (_, i) => `name-${i + 1}`),
  );
  assert.deepEqual(watched.states, ["connecting", "open", "reconnecting", "open"]);
  assert.equal(all.length, 2);
  watched.unsubscribe();
});

test("an expired token that is not a function ends the subscription without another attempt", async () => {
  const { Counted, all } = sockets();
  const watched = watch(createClient({ url: server.url, token: tokenOf(newUser(), -24), WebSocket: Counted }));
  await watched.ready();
  await until(() => watched.errors.length > 0, "an error");
  assert.deepEqual([watched.errors[0]!.code, watched.states.at(-1), all.length], ["UNAUTHORIZED", "closed", 1]);
});

test("a cookie that is renewed resumes the subscription", async () => {
  const byCookie = await Server.start({ SESSION_COOKIES: "__session" });
  const user = newUser();
  let cookie = tokenOf(user, -24);
  class WithCookie extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { headers: { cookie: `__session=${cookie}`, origin: byCookie.url } });
    }
  }
  const watched = watch(createClient({ url: byCookie.url, WebSocket: WithCookie }));
  await watched.ready();
  cookie = tokenOf(user);
  await until(() => watched.states.includes("reconnecting"), "reconnecting");
  await createClient({ url: byCookie.url, token: cookie }).k8s.create({ name: "missed", location: "eu" });
  await until(() => watched.types().includes("created"), "the event");
  assert.deepEqual([watched.errors, watched.states], [[], ["connecting", "open", "reconnecting", "open"]]);
  watched.unsubscribe();
});

test("a subscription over the rate limit is tried again later", async () => {
  const client = createClient({ url: limited.url, token: tokenOf(newUser()), WebSocket });
  const watched = [watch(client), watch(client), watch(client), watch(client)];
  await Promise.all(watched.map(({ ready }) => ready()));
  assert(watched.some(({ causes }) => causes.includes("TOO_MANY_REQUESTS")));
  for (const { errors, unsubscribe } of watched) {
    unsubscribe();
    assert.deepEqual(errors, []);
  }
});

test("a loop reads the events and closes the socket when it ends", async () => {
  const { client, writer, open } = arrange();
  const types: string[] = [];
  for await (const event of client.k8s.watch()) {
    types.push(event.type);
    if (event.type === "ready") void change(writer, "one");
    if (event.type === "deleted") break;
  }
  assert.deepEqual(types, ["ready", "created", "updated", "deleted"]);
  await until(() => open() === 0, "closed");
});

test("a loop ends by unsubscribe or by signal, and throws the error that ended the subscription", async () => {
  const { client, open } = arrange();
  const subscription = client.k8s.watch();
  for await (const event of subscription) if (event.type === "ready") subscription.unsubscribe();
  const abort = new AbortController();
  for await (const event of client.k8s.watch(undefined, { signal: abort.signal }))
    if (event.type === "ready") abort.abort();
  for await (const event of client.k8s.watch({}, { signal: AbortSignal.abort() })) assert.fail(event.type);
  await assert.rejects(
    async () => {
      for await (const event of client.k8s.watch({ userId: "somebody_else" })) assert.fail(event.type);
    },
    (error) => isClusterdeskError(error, "FORBIDDEN"),
  );
  await until(() => open() === 0, "closed");
});

test("a signal ends a subscription without an error", async () => {
  const { client, open } = arrange();
  const abort = new AbortController();
  const watched = watch(client, undefined, abort.signal);
  await watched.ready();
  abort.abort();
  assert.deepEqual([watched.states.at(-1), watched.errors], ["closed", []]);
  await until(() => open() === 0, "closed");
});

test("unsubscribing before the socket is open closes it", async () => {
  const { client, all } = arrange();
  watch(client).unsubscribe();
  const second = watch(client);
  second.unsubscribe();
  await until(() => all.every(({ readyState }) => readyState === WebSocket.CLOSED), "closed");
  const third = watch(client);
  await third.ready();
  third.unsubscribe();
  assert.equal(second.states.at(-1), "closed");
});

test("a runtime without WebSocket is reported", { skip: "WebSocket" in globalThis }, () => {
  assert.throws(() => createClient({ url: server.url }).k8s.watch(undefined, { onEvent: () => {} }), /Pass one/);
});
