// The live audit log with tRPC's client: filtered, and resumed after a lost connection or a given event.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { isTRPCClientError } from "@trpc/client";
import type { AuditEntry } from "../../../clients/app-router.js";
import { TcpProxy } from "../support/proxy.ts";
import type { AppRouter } from "../support/router.ts";
import { Server } from "../support/server.ts";
import { until } from "../support/until.ts";
import { CALLS, type Client, client, newUser, WATCHES } from "./clients.ts";

const server = await Server.start();
const adminToken = await server.adminToken();

type Input = Parameters<Client["admin"]["watchAudit"]["subscribe"]>[0];

/** Subscribes and records what arrives. */
function watch(t: TestContext, watcher: Client, input?: Input) {
  const seen: { id: string; type: string; entry?: AuditEntry }[] = [];
  const errors: unknown[] = [];
  const subscription = watcher.admin.watchAudit.subscribe(input, {
    onError: (error) => void errors.push(error),
    onData: ({ id, data }) => {
      assert.equal(id, data.id);
      seen.push(data);
    },
  });
  t.after(() => subscription.unsubscribe());
  return {
    seen,
    errors,
    subscription,
    entries: () => seen.flatMap(({ entry }) => entry ?? []),
    ready: () => until(() => seen.some(({ type }) => type === "ready"), "ready"),
  };
}

/** A user and a client for their mutations. It does not use the proxy, so that it works while the connection is cut. */
function actor() {
  const { id, token } = newUser();
  return { id, token, caller: client(CALLS.httpLink!({ url: `${server.url}/trpc`, token })) };
}

/** Creates and deletes a cluster. Returns its id. */
async function change(caller: Client): Promise<number> {
  const { id } = await caller.k8s.create.mutate({ name: "audited", location: "eu" });
  await caller.k8s.delete.mutate({ id });
  return id;
}

for (const [name, link] of Object.entries(WATCHES)) {
  const admin = (base = server.url) => client(link({ url: `${base}/trpc`, token: adminToken }));

  test(`${name}: an admin sees each audit entry as it is written, as the log lists it`, async (t) => {
    const { id: actorId, caller } = actor();
    const watched = watch(t, admin(), { actorId });
    await watched.ready();
    await change(actor().caller);
    const cluster = String(await change(caller));
    await until(() => watched.entries().length === 2, "two entries");
    const [created, deleted] = watched.entries();
    assert.deepEqual(
      [created, deleted].map((entry) => [entry?.actorId, entry?.procedure, entry?.entity, entry?.entityId]),
      ["k8s.create", "k8s.delete"].map((procedure) => [actorId, procedure, "cluster", cluster]),
    );
    assert(created!.createdAt instanceof Date);
    assert.deepEqual(
      watched.seen.map(({ type }) => type),
      ["ready", "recorded", "recorded"],
    );
    const listed = await client(CALLS.httpLink!({ url: `${server.url}/trpc`, token: adminToken })).admin.auditLog.query(
      { actorId },
    );
    assert.deepEqual(listed.items, [deleted, created]);
    assert.deepEqual(watched.errors, []);
  });

  test(`${name}: all filters of the audit log must match`, async (t) => {
    const { id: actorId, caller } = actor();
    const { id } = await caller.k8s.create.mutate({ name: "filtered", location: "eu" });
    const wanted = { actorId, procedure: "k8s.delete", entity: "cluster", entityId: String(id) };
    const inputs: Input[] = [
      wanted,
      { ...wanted, actorId: "somebody_else" },
      { ...wanted, procedure: "k8s.create" },
      { ...wanted, entity: "user" },
      { ...wanted, entityId: "0" },
      { actorId },
    ];
    const watched = inputs.map((input) => watch(t, admin(), input));
    await Promise.all(watched.map(({ ready }) => ready()));
    await caller.k8s.update.mutate({ id, name: "renamed" });
    await caller.k8s.delete.mutate({ id });
    await caller.k8s.restore.mutate({ id });
    await until(() => watched.at(-1)!.entries().length === 3, "three entries");
    await until(() => watched[0]!.entries().length === 1, "one entry");
    assert.deepEqual(
      watched.map(({ entries }) => entries().map(({ procedure }) => procedure)),
      [["k8s.delete"], [], [], [], [], ["k8s.update", "k8s.delete", "k8s.restore"]],
    );
  });

  test(`${name}: the audit log resumes after a lost connection without losing or repeating entries`, async (t) => {
    const proxy = await TcpProxy.to(server.url);
    const { id: actorId, caller } = actor();
    const watched = watch(t, admin(proxy.url), { actorId });
    await watched.ready();
    const before = await change(caller);
    await until(() => watched.entries().length === 2, "two entries");
    proxy.cut();
    const meanwhile = await change(caller);
    proxy.restore();
    await until(() => watched.entries().length === 4, "four entries");
    const after = await change(caller);
    await until(() => watched.entries().length >= 6, "six entries");
    assert.deepEqual(
      watched.entries().map(({ entityId, procedure }) => `${procedure} ${entityId}`),
      [before, meanwhile, after].flatMap((id) => [`k8s.create ${id}`, `k8s.delete ${id}`]),
    );
    assert.equal(new Set(watched.seen.map(({ id }) => id)).size, 7);
  });

  test(`${name}: the audit log resumes after a given event id`, async (t) => {
    const { id: actorId, caller } = actor();
    const first = watch(t, admin(), { actorId });
    await first.ready();
    await change(caller);
    await until(() => first.seen.length === 3, "three events");
    const second = watch(t, admin(), { actorId, lastEventId: first.seen[1]!.id });
    await until(() => second.seen.length === 1, "one event");
    assert.deepEqual(second.seen, first.seen.slice(2));
  });

  test(`${name}: the audit log is refused to a user`, async (t) => {
    const watched = watch(t, client(link({ url: `${server.url}/trpc`, token: actor().token })));
    await until(() => watched.errors.length > 0, "an error");
    const [error] = watched.errors;
    assert(isTRPCClientError<AppRouter>(error));
    assert.deepEqual(
      [error.data?.code, error.data?.httpStatus, error.data?.path],
      ["FORBIDDEN", 403, "admin.watchAudit"],
    );
    assert.deepEqual(watched.seen, []);
  });
}
