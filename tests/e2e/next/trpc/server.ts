import { createTRPCClient, httpBatchLink } from "@trpc/client";
import { headers } from "next/headers";
import superjson from "superjson";
import type { AppRouter } from "./app-router";

/** A client for server components. It calls as the user of the request, whose cookies it forwards. */
export async function api() {
  const cookie = (await headers()).get("cookie") ?? "";
  return createTRPCClient<AppRouter>({
    links: [
      httpBatchLink({
        url: `${process.env.API_URL}/api/trpc/edge`,
        transformer: superjson,
        // A write with a cookie needs the origin of the application.
        headers: { cookie, origin: new URL(process.env.APP_URL ?? "").origin },
      }),
    ],
  });
}
