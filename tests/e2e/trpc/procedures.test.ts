// Every procedure under its canonical and its old name (docs/API.md, "Procedures"), over every link and mount.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { createTRPCUntypedClient } from "@trpc/client";
import { Server } from "../support/server.ts";
import { CALLS, newUser, plain } from "./clients.ts";

type Kind = "query" | "mutation";
interface Step {
  names: [canonical: string, old?: string];
  kind: Kind;
  /** Undefined for no input. */
  input?: (scenario: Scenario) => unknown;
  check: (output: any, scenario: Scenario) => void;
  by?: "admin" | "second";
}
interface Scenario {
  user: string;
  cluster: number;
  apiToken?: number;
  /** Checks a timestamp. */
  time: (value: unknown) => void;
}

const EVENT = "evt_e2e";
const STRIPE_WEBHOOK_SECRET = "whsec_e2e";

const success = (output: unknown) => assert.deepEqual(output, { success: true });
const id = ({ cluster }: Scenario) => ({ id: cluster });
const userId = ({ user }: Scenario) => ({ userId: user });

/** The calls of a user, an admin and a second user, in order. */
const SCENARIO: Step[] = [
  {
    names: ["hello.hello", "hello.hello"],
    kind: "query",
    input: () => ({ text: "<you>" }),
    check: ({ greeting }) => assert.equal(greeting, "hello &lt;you&gt;"),
  },
  {
    names: ["user.me"],
    kind: "query",
    check: (me, { user, time }) => {
      assert.equal(me.id, user);
      time(me.createdAt);
    },
  },
  { names: ["auth.mySubscription", "auth.mySubscription"], kind: "query", check: (plan) => assert.equal(plan, null) },
  {
    names: ["customer.get", "customer.queryCustomer"],
    kind: "query",
    check: (customer) => assert.equal(customer, null),
  },
  { names: ["customer.create", "customer.insertCustomer"], kind: "mutation", check: success },
  {
    names: ["customer.get", "customer.queryCustomer"],
    kind: "query",
    input: userId,
    check: (customer, { time }) => time(customer.createdAt),
  },
  {
    names: ["user.updateName", "customer.updateUserName"],
    kind: "mutation",
    input: () => ({ name: "Ada" }),
    check: success,
  },
  {
    names: ["k8s.create", "k8s.createCluster"],
    kind: "mutation",
    input: () => ({ name: "one", location: "eu" }),
    check: (created, scenario) => {
      assert.equal(created.plan, "FREE");
      scenario.cluster = created.id;
    },
  },
  {
    names: ["k8s.list", "k8s.getClusters"],
    kind: "query",
    check: ([cluster], { time }) => {
      assert.equal(cluster.name, "one");
      time(cluster.createdAt);
    },
  },
  {
    names: ["k8s.get"],
    kind: "query",
    input: id,
    check: (cluster, { time }) => {
      assert.equal(cluster.deletedAt, null);
      time(cluster.updatedAt);
    },
  },
  {
    names: ["k8s.update", "k8s.updateCluster"],
    kind: "mutation",
    input: (scenario) => ({ ...id(scenario), name: "two" }),
    check: success,
  },
  {
    names: ["k8s.setStatus"],
    kind: "mutation",
    input: (scenario) => ({ ...id(scenario), status: "CREATING" }),
    check: success,
    by: "admin",
  },
  { names: ["admin.deleteCluster"], kind: "mutation", input: id, check: success, by: "admin" },
  { names: ["admin.restoreCluster"], kind: "mutation", input: id, check: success, by: "admin" },
  { names: ["k8s.delete", "k8s.deleteCluster"], kind: "mutation", input: id, check: success },
  {
    names: ["token.create"],
    kind: "mutation",
    input: () => ({ name: "e2e", scope: "read" }),
    check: (created, scenario) => {
      assert.match(created.token, /^cdk_/);
      scenario.apiToken = created.id;
    },
  },
  {
    names: ["token.rotate"],
    kind: "mutation",
    input: ({ apiToken }) => ({ id: apiToken }),
    check: (rotated, scenario) => {
      assert.match(rotated.token, /^cdk_/);
      scenario.apiToken = rotated.id;
    },
  },
  { names: ["token.revoke"], kind: "mutation", input: ({ apiToken }) => ({ id: apiToken }), check: success },
  { names: ["session.revokeAll"], kind: "mutation", check: success },
  {
    names: ["k8s.listDeleted"],
    kind: "query",
    input: () => ({ limit: 1 }),
    check: ({ items, nextCursor }, { time }) => {
      time(items[0].deletedAt);
      assert.equal(nextCursor, null);
    },
  },
  { names: ["k8s.restore"], kind: "mutation", input: id, check: success },
  { names: ["k8s.count"], kind: "query", check: (count) => assert.deepEqual(count, { active: 1, deleted: 0 }) },
  {
    names: ["user.summary"],
    kind: "query",
    check: (summary, { time }) => {
      assert.equal(summary.activeClusters, 1);
      time(summary.clusters[0].createdAt);
    },
  },
  {
    names: ["admin.getStats", "admin.getStats"],
    kind: "query",
    check: (stats) => assert(stats.totalUsers > 0),
    by: "admin",
  },
  {
    names: ["admin.series"],
    kind: "query",
    input: () => ({ metric: "signUps", from: "2026-01-01T00:00:00.000Z", to: "2026-01-02T00:00:00.000Z" }),
    check: ({ at, lines }, { time }) => {
      time(at[0]);
      assert.deepEqual(lines, [{ label: "", values: [0] }]);
    },
    by: "admin",
  },
  {
    names: ["admin.traffic"],
    kind: "query",
    input: () => ({ procedure: "user.me" }),
    check: ({ at, calls, p50Ms }, { time }) => {
      time(at[0]);
      assert.deepEqual([at.length, calls.length, p50Ms.length], [60, 60, 60]);
    },
    by: "admin",
  },
  {
    names: ["admin.listUsers"],
    kind: "query",
    input: ({ user }) => ({ search: user, limit: 1 }),
    check: ({ items }, { user }) => assert.equal(items[0].id, user),
    by: "admin",
  },
  {
    names: ["admin.listClusters"],
    kind: "query",
    input: userId,
    check: ({ items }, { time }) => time(items[0].createdAt),
    by: "admin",
  },
  {
    names: ["admin.auditLog"],
    kind: "query",
    input: ({ user }) => ({ actorId: user, limit: 1 }),
    check: ({ items }, { time }) => time(items[0].createdAt),
    by: "admin",
  },
  {
    names: ["stripe.createSession", "stripe.createSession"],
    kind: "mutation",
    input: () => ({ planId: "price_e2e" }),
    check: (session) => assert.deepEqual(session, { success: true, url: "https://checkout.example/" }),
  },
  {
    names: ["stripe.userPlans", "stripe.userPlans"],
    kind: "query",
    check: (plan) => assert.deepEqual([plan.title, plan.isPaid], ["Free", false]),
  },
  {
    names: ["admin.webhookEvents"],
    kind: "query",
    input: () => ({ failed: true }),
    check: ({ items }, { time }) => {
      assert.equal(items[0].id, EVENT);
      time(items[0].receivedAt);
    },
    by: "admin",
  },
  {
    names: ["admin.replayWebhook"],
    kind: "mutation",
    input: () => ({ eventId: EVENT }),
    check: ({ success }) => assert.equal(success, false),
    by: "admin",
  },
  {
    names: ["admin.setRole"],
    kind: "mutation",
    input: (scenario) => ({ ...userId(scenario), role: "USER" }),
    check: success,
    by: "admin",
  },
  { names: ["user.softDelete"], kind: "mutation", check: success },
  { names: ["user.delete"], kind: "mutation", check: success, by: "second" },
  { names: ["rpc.discover"], kind: "query", check: ({ openrpc }) => assert.match(openrpc, /^1\./) },
];

/** A substitute for Stripe that accepts every request. */
let sold = 0;
const stripe = createServer((request, response) => {
  request
    .resume()
    .on("end", () => response.end(JSON.stringify({ id: `sold_${sold++}`, url: "https://checkout.example/" })));
});
await once(stripe.listen(0, "127.0.0.1"), "listening");
after(() => stripe.close());
const server = await Server.start({
  STRIPE_WEBHOOK_SECRET,
  STRIPE_SECRET_KEY: "sk_e2e",
  STRIPE_API_BASE: `http://127.0.0.1:${(stripe.address() as AddressInfo).port}`,
  STRIPE_PRO_MONTHLY_PRICE_ID: "price_e2e",
  APP_URL: "https://app.example.com",
});
const adminToken = await server.adminToken();
await sendInvalidEvent();

/** Sends a Stripe event with an invalid subscription, which is stored as failed. */
async function sendInvalidEvent() {
  const now = Math.floor(Date.now() / 1000);
  const body = JSON.stringify({ id: EVENT, type: "customer.subscription.created", created: now, data: { object: {} } });
  const signature = createHmac("sha256", STRIPE_WEBHOOK_SECRET).update(`${now}.${body}`).digest("hex");
  const response = await fetch(`${server.url}/webhooks/stripe`, {
    method: "POST",
    body,
    headers: { "stripe-signature": `t=${now},v1=${signature}` },
  });
  assert.equal(response.status, 500);
}

const MOUNTS = {
  "/trpc": {
    transformer: undefined,
    time: (value: unknown) => assert(value instanceof Date, `${value} is not a Date`),
  },
  "/api/trpc/edge": {
    transformer: undefined,
    time: (value: unknown) => assert(value instanceof Date, `${value} is not a Date`),
  },
  "/trpc-plain": { transformer: plain, time: (value: unknown) => assert.match(value as string, /T.*\.\d{3}Z$/) },
};

for (const [prefix, { transformer, time }] of Object.entries(MOUNTS)) {
  for (const [name, link] of Object.entries(CALLS)) {
    for (const which of [0, 1]) {
      test(`${prefix} over ${name}: every procedure under its ${which === 0 ? "canonical" : "old"} name`, async () => {
        const user = newUser();
        const url = `${server.url}${prefix}`;
        const own = { url, ...(transformer && { transformer }) };
        const mine = createTRPCUntypedClient({ links: [link({ ...own, token: user.token })] });
        const others = {
          admin: createTRPCUntypedClient({ links: [link({ ...own, token: adminToken })] }),
          second: createTRPCUntypedClient({ links: [link({ ...own, token: newUser().token })] }),
        };
        const scenario: Scenario = { user: user.id, cluster: 0, time };
        for (const { names, kind, input, check, by } of SCENARIO) {
          const path = names[which] ?? names[0];
          const caller = by === undefined ? mine : others[by];
          const output = await caller[kind](path, input?.(scenario)).catch((error: Error) =>
            assert.fail(`${path}: ${error.message}`),
          );
          check(output, scenario);
        }
      });
    }
  }
}

/** Only a browser has a session: browser/console.test.ts. Only some tests have Stripe: browser/pages.test.ts. */
const ELSEWHERE = new Set(["session.revoke", "admin.reconcileUser"]);

test("the list of calls is complete", async () => {
  const document = await (await fetch(`${server.url}/openrpc.json`)).json();
  const covered = new Set(SCENARIO.flatMap(({ names }) => names));
  const missing = document.methods.filter(
    (method: any) => method["x-kind"] !== "subscription" && !covered.has(method.name),
  );
  // A query needs no step of its own: its example is called, which may be about something that does not exist here.
  const admin = createTRPCUntypedClient({ links: [CALLS.httpLink!({ url: `${server.url}/trpc`, token: adminToken })] });
  const needed: string[] = [];
  for (const { name, examples, "x-kind": kind } of missing) {
    const params: { name: string; value: unknown }[] = examples[0].params;
    const input = params.length === 0 ? undefined : Object.fromEntries(params.map(({ name, value }) => [name, value]));
    if (kind !== "query") needed.push(...[name].filter((name) => !ELSEWHERE.has(name)));
    else
      await admin.query(name, input).catch((error) => assert.equal(error.data?.code, "NOT_FOUND", `${name}: ${error}`));
  }
  assert.deepEqual(needed, []);
});
