import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { after } from "node:test";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { jwtVerify } from "jose";
import type { Billing } from "../support/stripe.ts";
import { SECRET } from "../support/token.ts";
import { OldBilling } from "./billing.ts";
import { type Context, router } from "./router.ts";
import { Store } from "./store.ts";

/** Whose bearer token or session cookie a request has. */
async function context({ headers }: IncomingMessage): Promise<Context> {
  const [, token] =
    /^Bearer (.+)/.exec(headers.authorization ?? "") ?? /(?:^|; )__session=([^;]+)/.exec(headers.cookie ?? "") ?? [];
  if (token === undefined) return { user: undefined };
  const verified = await jwtVerify(token, new TextEncoder().encode(SECRET)).catch(() => undefined);
  return { user: verified?.payload.sub };
}

/** Starts the old server: tRPC on Node, at the old addresses. Returns its URL. `app` is the application's. */
export async function old(app: string, settings: Billing): Promise<string> {
  const store = new Store();
  const billing = new OldBilling(settings, store, app);
  const trpc = createHTTPHandler({
    router: router(store, billing),
    basePath: "/api/trpc/edge/",
    createContext: ({ req }) => context(req),
  });
  const webhook = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      billing.receive(await buffer(request), String(request.headers["stripe-signature"]));
      response.end();
    } catch (error) {
      response.writeHead(400).end(String(error));
    }
  };
  const server = createServer((request, response) => {
    if (request.url?.startsWith("/api/trpc/edge/")) return trpc(request, response);
    if (request.url === "/api/webhooks/stripe") return void webhook(request, response);
    if (request.url === "/api/health") return response.end("{}");
    response.writeHead(404).end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}
