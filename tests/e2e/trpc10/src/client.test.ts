// tRPC's client 10, as the project from which the old one was forked uses it: its links, with the served types.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  createTRPCProxyClient,
  createWSClient,
  httpBatchLink,
  httpLink,
  TRPCClientError,
  type TRPCLink,
  unstable_httpBatchStreamLink,
  wsLink,
} from "@trpc/client";
import superjson from "superjson";
import { WebSocket } from "ws";
import type { AppRouter, RouterInputs, RouterOutputs } from "../../../../clients/app-router-v10.js";
import { Server } from "../../support/server.ts";
import { token } from "../../support/token.ts";

type Event = RouterOutputs["k8s"]["list"][number];

const server = await Server.start();
const url = `${server.url}/api/trpc/lambda`;

function client(
  link: (options: { url: string; headers: () => Record<string, string> }) => TRPCLink<AppRouter>,
  user: string,
) {
  const headers = () => ({ authorization: `Bearer ${token(user)}` });
  return createTRPCProxyClient<AppRouter>({ transformer: superjson, links: [link({ url, headers })] });
}

for (const [name, link] of Object.entries({ httpLink, httpBatchLink })) {
  test(`${name} calls queries and mutations, also several at once`, async () => {
    const trpc = client(link, name);
    const input: RouterInputs["k8s"]["createCluster"] = { name: "web", location: "eu" };
    const created = await trpc.k8s.createCluster.mutate(input);
    assert.equal(created.success, true);
    const [clusters, plan, greeting] = await Promise.all([
      trpc.k8s.getClusters.query(),
      trpc.auth.mySubscription.query(),
      trpc.hello.hello.query({ text: "you" }),
    ]);
    const at: Date = clusters[0]!.createdAt;
    assert.ok(at instanceof Date);
    assert.deepEqual([clusters.length, plan, greeting.greeting], [1, null, "hello you"]);
  });

  test(`${name} has the error's data`, async () => {
    const failed = await client(link, name)
      .k8s.createCluster.mutate({ name: "A B", location: "eu" })
      .catch((error) => error);
    assert.ok(failed instanceof TRPCClientError);
    const error = failed as TRPCClientError<AppRouter>;
    assert.equal(error.data?.code, "BAD_REQUEST");
    assert.deepEqual(Object.keys(error.shape?.data.zodError?.fieldErrors ?? {}), ["name"]);
  });
}

test("wsLink calls and watches", async () => {
  const headers = { authorization: `Bearer ${token("watcher")}` };
  class WithToken extends WebSocket {
    constructor(address: string) {
      super(address, { headers });
    }
  }
  const socket = createWSClient({ url: url.replace(/^http/, "ws"), WebSocket: WithToken as never });
  after(() => socket.close());
  const trpc = createTRPCProxyClient<AppRouter>({ transformer: superjson, links: [wsLink({ client: socket })] });
  const seen = await new Promise<Event>((resolve, reject) => {
    const watching = trpc.k8s.watch.subscribe(
      {},
      {
        onError: reject,
        onData({ data }) {
          if (data.type === "ready") trpc.k8s.create.mutate({ name: "live", location: "eu" }).catch(reject);
          if (data.type !== "created") return;
          watching.unsubscribe();
          resolve(data.cluster);
        },
      },
    );
  });
  assert.ok(seen.createdAt instanceof Date);
  assert.equal(seen.name, "live");
});

test("the stream link is told what to use instead", async () => {
  const trpc = client(unstable_httpBatchStreamLink, "streamer");
  const outcomes = await Promise.allSettled([
    trpc.k8s.createCluster.mutate({ name: "web", location: "eu" }),
    trpc.hello.hello.query({ text: "you" }),
  ]);
  for (const outcome of outcomes) {
    assert.equal(outcome.status, "rejected");
    assert.ok(outcome.reason instanceof TRPCClientError);
    assert.match(outcome.reason.message, /Use httpBatchLink, or client 11/);
    assert.equal(outcome.reason.data?.code, "BAD_REQUEST");
  }
  assert.deepEqual(await client(httpBatchLink, "streamer").k8s.count.query(), { active: 0, deleted: 0 });
});

test("wrong uses do not compile", () => {
  const trpc = client(httpLink, "types");
  const wrong = [
    // @ts-expect-error no such procedure
    () => trpc.k8s.nothing.query(),
    // @ts-expect-error a mutation
    () => trpc.k8s.createCluster.query({ name: "web", location: "eu" }),
    // @ts-expect-error without a location
    () => trpc.k8s.createCluster.mutate({ name: "web" }),
    // @ts-expect-error a Date
    (cluster: Event): string => cluster.createdAt,
    // @ts-expect-error the server speaks superjson
    () => createTRPCProxyClient<AppRouter>({ links: [httpLink({ url })] }),
  ];
  assert.equal(wrong.length, 5);
});
