// tRPC's client with idempotency keys. docs/API.md, "Idempotency keys", shows the body of the function; a test compares them.
import {
  createTRPCClient,
  httpBatchStreamLink,
  httpLink,
  retryLink,
  splitLink,
  type TRPCClientError,
  type TRPCLink,
} from "@trpc/client";
import superjson from "superjson";
import type { AppRouter } from "../support/router.ts";
import type { Client } from "./clients.ts";

export function keyed(
  url: string,
  authorization: () => Record<string, string>,
  fetch: typeof globalThis.fetch,
): Client {
  /** Gives each mutation a key, which stays the same when it is sent again. */
  const keys: TRPCLink<AppRouter> = () => {
    return ({ op, next }) => next({ ...op, context: { idempotencyKey: crypto.randomUUID(), ...op.context } });
  };

  /** Whether it is not known what became of a call, or the server asks to send it again. */
  function isUnanswered(error: TRPCClientError<AppRouter>): boolean {
    if (error.data == null) return true;
    const { code, outcome, retryAfterMs } = error.data;
    return outcome === "unknown" || (retryAfterMs !== undefined && /^(SERVICE_UNAVAILABLE|CONFLICT)$/.test(code));
  }

  const client = createTRPCClient<AppRouter>({
    links: [
      keys,
      retryLink({
        retry: ({ op, error, attempts }) =>
          op.type === "mutation" && op.signal?.aborted !== true && attempts < 4 && isUnanswered(error),
        retryDelayMs: (attempt) => 250 * 2 ** attempt,
      }),
      splitLink({
        condition: ({ type }) => type === "mutation",
        // The header is about one call, so mutations have requests of their own.
        true: httpLink({
          url,
          transformer: superjson,
          fetch,
          headers: ({ op }) => ({ ...authorization(), "Idempotency-Key": String(op.context.idempotencyKey) }),
        }),
        false: httpBatchStreamLink({ url, transformer: superjson, fetch, headers: authorization }),
      }),
    ],
  });
  return client;
}
