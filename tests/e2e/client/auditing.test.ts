// The live audit log with the TypeScript client, over a JSON-RPC WebSocket.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type AuditChange, type AuditEntry, type Client, createClient, type WatchState } from "@clusterdesk/client";
import { WebSocket } from "ws";
import { same } from "../consumer/same.ts";
import { TcpProxy } from "../support/proxy.ts";
import { Server } from "../support/server.ts";
import { token as tokenOf } from "../support/token.ts";
import { until } from "../support/until.ts";

const server = await Server.start();
const adminToken = await server.adminToken();

const admin = (url = server.url) => createClient({ url, token: adminToken, WebSocket });

let users = 0;
function actor() {
  const actorId = `auditing_${++users}`;
  return { actorId, caller: createClient({ url: server.url, token: tokenOf(actorId) }) };
}

function watch(t: TestContext, client: Client, input?: Parameters<Client["admin"]["watchAudit"]>[0]) {
  const seen: AuditChange[] = [];
  const states: WatchState[] = [];
  const errors: string[] = [];
  const subscription = client.admin.watchAudit(input, {
    onEvent: (event) => void seen.push(event),
    onStateChange: (state) => void states.push(state),
    onError: ({ code, path }) => void errors.push(`${code} ${path}`),
  });
  t.after(() => subscription.unsubscribe());
  return {
    seen,
    states,
    errors,
    entries: () => seen.flatMap((event) => (event.type === "recorded" ? event.entry : [])),
    ready: () => until(() => seen.some(({ type }) => type === "ready"), "ready"),
  };
}

/** Creates and deletes a cluster. Returns its id. */
async function change(caller: Client): Promise<number> {
  const { id } = await caller.k8s.create({ name: "audited", location: "eu" });
  await caller.k8s.delete({ id });
  return id;
}

test("an admin sees each audit entry as it is written, as the log lists it", async (t) => {
  const { actorId, caller } = actor();
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
  assert.deepEqual((await admin().admin.auditLog({ actorId })).items, [deleted, created]);
  assert.deepEqual(
    watched.seen.map(({ type }) => type),
    ["ready", "recorded", "recorded"],
  );
});

test("the audit log resumes after a lost connection without losing or repeating entries", async (t) => {
  const proxy = await TcpProxy.to(server.url);
  const { actorId, caller } = actor();
  const watched = watch(t, admin(proxy.url), { actorId, entity: "cluster" });
  await watched.ready();
  const before = await change(caller);
  await until(() => watched.entries().length === 2, "two entries");
  proxy.cut();
  const meanwhile = await change(caller);
  await until(() => watched.states.at(-1) === "reconnecting", "reconnecting");
  proxy.restore();
  await until(() => watched.entries().length === 4, "four entries");
  const after = await change(caller);
  await until(() => watched.entries().length >= 6, "six entries");
  assert.deepEqual(
    watched.entries().map(({ entityId, procedure }) => `${procedure} ${entityId}`),
    [before, meanwhile, after].flatMap((id) => [`k8s.create ${id}`, `k8s.delete ${id}`]),
  );
  assert.equal(new Set(watched.seen.map(({ id }) => id)).size, 7);
  assert.deepEqual(watched.states, ["connecting", "open", "reconnecting", "open"]);
});

test("the audit log resumes after a given event id", async (t) => {
  const { actorId, caller } = actor();
  const first = watch(t, admin(), { actorId });
  await first.ready();
  await change(caller);
  await until(() => first.seen.length === 3, "three events");
  const second = watch(t, admin(), { actorId, lastEventId: first.seen[1]!.id });
  await until(() => second.seen.length === 1, "one event");
  assert.deepEqual(second.seen, first.seen.slice(2));
});

test("the audit log is refused to a user", async (t) => {
  const { actorId } = actor();
  const watched = watch(t, createClient({ url: server.url, token: tokenOf(actorId), WebSocket }));
  await until(() => watched.errors.length > 0, "an error");
  assert.deepEqual(watched.errors, ["FORBIDDEN admin.watchAudit"]);
  assert.deepEqual([watched.seen, watched.states.at(-1)], [[], "closed"]);
});

test("the events of the audit log are typed", async () => {
  const { actorId, caller } = actor();
  let changed: Promise<unknown> | undefined;
  for await (const event of admin().admin.watchAudit({ actorId })) {
    same<typeof event, AuditChange>(true);
    if (event.type === "ready") changed = change(caller);
    if (event.type !== "recorded") {
      // @ts-expect-error it has no entry
      assert.equal(event.entry, undefined);
      continue;
    }
    same<typeof event.entry, AuditEntry>(true);
    // JSON has no dates.
    same<typeof event.entry.createdAt, string>(true);
    assert.match(event.entry.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    if (event.entry.procedure === "k8s.delete") break;
  }
  await changed;
  // Without a listener it does not start.
  // @ts-expect-error no such filter
  admin().admin.watchAudit({ userId: actorId });
});
