// tRPC's client with each of its links, typed by what the example serves. `todo-router` is that file: see tsconfig.json.
import { after } from "node:test";
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpSubscriptionLink,
  type TRPCClient,
  wsLink,
} from "@trpc/client";
import type { inferRouterOutputs } from "@trpc/server";
import { EventSource } from "eventsource";
import type { AppRouter } from "todo-router";
import { WebSocket } from "ws";

export type Client = TRPCClient<AppRouter>;
export type Todo = inferRouterOutputs<AppRouter>["todo"]["list"][number];

function webSocketClient(url: string): Client {
  const client = createWSClient({ url: url.replace("http", "ws"), WebSocket: WebSocket as never });
  after(() => client.close());
  return createTRPCClient<AppRouter>({ links: [wsLink({ client })] });
}

/** The clients for queries and mutations, by link. `url` is the tRPC mount. */
export const CALLS: Record<string, (url: string, fetcher?: typeof fetch) => Client> = {
  httpBatchLink: (url, fetcher = fetch) =>
    createTRPCClient<AppRouter>({ links: [httpBatchLink({ url, fetch: fetcher })] }),
  httpBatchStreamLink: (url, fetcher = fetch) =>
    createTRPCClient<AppRouter>({ links: [httpBatchStreamLink({ url, fetch: fetcher })] }),
  wsLink: webSocketClient,
};

/** The clients for subscriptions, by link. */
export const SUBSCRIPTIONS: Record<string, (url: string) => Client> = {
  httpSubscriptionLink: (url) => createTRPCClient<AppRouter>({ links: [httpSubscriptionLink({ url, EventSource })] }),
  wsLink: webSocketClient,
};
