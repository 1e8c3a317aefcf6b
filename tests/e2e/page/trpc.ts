import { QueryClient } from "@tanstack/react-query";
import {
  createTRPCClient,
  createWSClient,
  httpBatchStreamLink,
  httpSubscriptionLink,
  splitLink,
  wsLink,
} from "@trpc/client";
import { createTRPCOptionsProxy } from "@trpc/tanstack-react-query";
import superjson from "superjson";
import type { AppRouter } from "../support/router.ts";
import { settings } from "./settings.ts";

const { token } = settings;
const url = `${settings.url}/trpc`;
const transformer = superjson;

// The set-up from tRPC's documentation, with this server's address.
const client = createTRPCClient<AppRouter>({
  links: [
    splitLink({
      condition: ({ type }) => type === "subscription",
      true:
        settings.live === "sse"
          ? httpSubscriptionLink({ url, transformer, connectionParams: { token } })
          : wsLink({
              client: createWSClient({
                url: url.replace("http", "ws"),
                connectionParams: { token },
                lazy: { enabled: true, closeMs: 0 },
              }),
              transformer,
            }),
      false: httpBatchStreamLink({ url, transformer, headers: { authorization: `Bearer ${token}` } }),
    }),
  ],
});

export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false } },
});
export const trpc = createTRPCOptionsProxy<AppRouter>({ client, queryClient });
