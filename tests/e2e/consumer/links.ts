// Every link of tRPC's client, with the served types.
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  httpSubscriptionLink,
  loggerLink,
  retryLink,
  splitLink,
  wsLink,
} from "@trpc/client";
import superjson from "superjson";
import type { AppRouter, IdempotentHeaders } from "../../../clients/app-router.js";

const url = "https://rpc.example.com/trpc";
const headers = { authorization: "Bearer …" };

export const single = createTRPCClient<AppRouter>({ links: [httpLink({ url, transformer: superjson, headers })] });
const idempotent: IdempotentHeaders = { "Idempotency-Key": "a key" };
export const repeatable = createTRPCClient<AppRouter>({
  links: [httpLink({ url, transformer: superjson, headers: { ...headers, ...idempotent } })],
});
export const batched = createTRPCClient<AppRouter>({
  links: [loggerLink(), httpBatchLink({ url, transformer: superjson, headers: () => headers, maxItems: 50 })],
});
export const streamed = createTRPCClient<AppRouter>({
  links: [httpBatchStreamLink({ url, transformer: superjson, headers: async () => headers })],
});
export const socket = createTRPCClient<AppRouter>({
  links: [
    wsLink({
      client: createWSClient({ url: "wss://rpc.example.com/trpc", connectionParams: { token: "…" } }),
      transformer: superjson,
    }),
  ],
});
export const trpc = createTRPCClient<AppRouter>({
  links: [
    retryLink({
      retry: ({ error, attempts }) => error.data?.code === "SERVICE_UNAVAILABLE" && attempts < 3,
      retryDelayMs: () => 100,
    }),
    splitLink({
      condition: ({ type }) => type === "subscription",
      true: httpSubscriptionLink({ url, transformer: superjson, connectionParams: async () => ({ token: "…" }) }),
      false: httpBatchStreamLink({ url, transformer: superjson, headers }),
    }),
  ],
});

// The types say that the server speaks superjson.
// @ts-expect-error
httpBatchLink<AppRouter>({ url });
// @ts-expect-error
wsLink<AppRouter>({ client: createWSClient({ url }) });
