import { after } from "node:test";
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  httpSubscriptionLink,
  splitLink,
  type TRPCClient,
  type TRPCLink,
  wsLink,
} from "@trpc/client";
import { EventSource } from "eventsource";
import superjson from "superjson";
import { WebSocket } from "ws";
import type { AppRouter } from "../support/router.ts";
import { token as tokenOf } from "../support/token.ts";

export type Client = TRPCClient<AppRouter>;

export interface Options {
  /** The URL of a tRPC mount: `http://127.0.0.1:1234/trpc`. */
  url: string;
  token?: string | undefined;
  fetch?: typeof fetch;
  transformer?: typeof superjson;
}

/** No transformer. Typed as superjson, so that the same tests run with both; timestamps are strings then. */
const same = { serialize: (value: unknown) => value, deserialize: (value: unknown) => value };
export const plain = same as unknown as typeof superjson;

const common = ({ url, token, fetch, transformer = superjson }: Options) => ({
  url,
  transformer,
  headers: () => (token === undefined ? {} : { authorization: `Bearer ${token}` }),
  ...(fetch && { fetch }),
});

/** A lazy WebSocket client, closed after the tests of the file. */
export function socket({ url, token }: Options) {
  const client = createWSClient({
    url: url.replace(/^http/, "ws"),
    WebSocket: WebSocket as never,
    ...(token !== undefined && { connectionParams: { token } }),
    lazy: { enabled: true, closeMs: 60_000 },
    retryDelayMs: () => 50,
  });
  after(() => client.close());
  return client;
}

const subscriptions = ({ url, token, transformer = superjson }: Options) =>
  httpSubscriptionLink<AppRouter, typeof EventSource>({
    url,
    transformer,
    EventSource,
    ...(token !== undefined && { connectionParams: { token } }),
  });

/** Every link that carries calls. */
export const CALLS: Record<string, (options: Options) => TRPCLink<AppRouter>> = {
  httpLink: (options) => httpLink(common(options)),
  httpBatchLink: (options) => httpBatchLink(common(options)),
  httpBatchStreamLink: (options) => httpBatchStreamLink(common(options)),
  wsLink: (options) => wsLink({ client: socket(options), transformer: options.transformer ?? superjson }),
};

/** Every link that carries subscriptions. */
export const WATCHES: Record<string, (options: Options) => TRPCLink<AppRouter>> = {
  httpSubscriptionLink: subscriptions,
  "httpSubscriptionLink with headers": ({ url, token, transformer = superjson }) =>
    httpSubscriptionLink<AppRouter, typeof EventSource>({
      url,
      transformer,
      EventSource,
      eventSourceOptions: {
        fetch: (input, init) =>
          fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }),
      },
    }),
  wsLink: (options) => wsLink({ client: socket(options), transformer: options.transformer ?? superjson }),
  splitLink: (options) =>
    splitLink({
      condition: ({ type }) => type === "subscription",
      true: subscriptions(options),
      false: httpBatchStreamLink(common(options)),
    }),
};

export const client = (link: TRPCLink<AppRouter>): Client => createTRPCClient<AppRouter>({ links: [link] });

let users = 0;

/** A new user and a token. */
export function newUser(): { id: string; token: string } {
  const id = `trpc_${process.pid}_${++users}`;
  return { id, token: tokenOf(id) };
}
