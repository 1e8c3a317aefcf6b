import { once } from "node:events";
import { createServer } from "node:http";
import { after } from "node:test";
import { initTRPC, type TRPCDataTransformer, TRPCError, tracked } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { applyWSSHandler } from "@trpc/server/adapters/ws";
import superjson from "superjson";
import { WebSocketServer } from "ws";
import { flattenError, ZodError, z } from "zod";

interface Context {
  user: string | undefined;
}

type Cluster = {
  id: number;
  name: string;
  location: string;
  authUserId: string;
  plan: string;
  createdAt: Date | string;
};
type Event = { type: string; id: string; at: Date | string; cluster: Cluster };

const PLAIN: TRPCDataTransformer = { serialize: (value) => value, deserialize: (value) => value };

/** Some of clusterdesk's procedures, as they would be written with tRPC. */
function router(transformer: TRPCDataTransformer) {
  const t = initTRPC.context<Context>().create({
    transformer,
    isDev: false,
    errorFormatter({ shape, error }) {
      const zodError = error.cause instanceof ZodError ? flattenError(error.cause) : null;
      return { ...shape, data: { ...shape.data, requestId: "", zodError } };
    },
  });
  const user = t.procedure.use(({ ctx, next }) => {
    if (ctx.user === undefined) throw new TRPCError({ code: "UNAUTHORIZED" });
    return next({ ctx: { user: ctx.user } });
  });
  const clusters: Cluster[] = [];
  const events: Event[] = [];
  const wake = new EventTarget();
  const stamp = () => (transformer === PLAIN ? new Date().toISOString() : new Date());

  const create = user
    .input(z.strictObject({ name: z.string().regex(/^[a-z0-9-]+$/), location: z.string().min(1).max(50) }))
    .mutation(({ ctx, input }) => {
      if (clusters.some(({ authUserId }) => authUserId === ctx.user)) throw new TRPCError({ code: "CONFLICT" });
      const cluster = { id: clusters.length + 1, ...input, authUserId: ctx.user, plan: "FREE", createdAt: stamp() };
      clusters.push(cluster);
      events.push({ type: "created", id: String(events.length + 1), at: stamp(), cluster });
      wake.dispatchEvent(new Event("event"));
      return { id: cluster.id, clusterName: input.name, location: input.location, plan: "FREE", success: true };
    });

  const watch = user
    .input(z.strictObject({ lastEventId: z.string().optional() }).optional())
    .subscription(async function* ({ input, signal }) {
      let position = Number(input?.lastEventId ?? events.length);
      while (!signal?.aborted) {
        for (const event of events.slice(position)) yield tracked(event.id, event);
        position = Math.max(position, events.length);
        await new Promise((resolve) => {
          wake.addEventListener("event", resolve, { once: true });
          signal?.addEventListener("abort", resolve, { once: true });
        });
      }
    });

  return t.router({
    hello: {
      hello: user
        .input(z.strictObject({ text: z.string().min(1).max(1000) }))
        .query(({ input }) => ({ greeting: `hello ${input.text}` })),
    },
    user: {
      me: user.query(({ ctx }) => ({
        id: ctx.user,
        name: "x",
        email: null,
        image: null,
        role: "USER",
        createdAt: stamp(),
      })),
    },
    auth: { mySubscription: user.query(() => null) },
    k8s: {
      get: user.input(z.strictObject({ id: z.number().int().positive() })).query(() => {
        throw new TRPCError({ code: "NOT_FOUND" });
      }),
      createCluster: create,
      watch,
    },
  });
}

/** Starts a tRPC server on Node: HTTP, streams, server-sent events and WebSocket. Returns its URL. */
export async function node(transformer: "superjson" | "plain"): Promise<string> {
  const appRouter = router(transformer === "superjson" ? superjson : PLAIN);
  const context = (authorization: string | undefined): Context => {
    const claims = /^Bearer [^.]+\.([^.]+)/.exec(authorization ?? "")?.[1];
    return { user: claims === undefined ? undefined : JSON.parse(Buffer.from(claims, "base64url").toString()).sub };
  };
  const server = createServer(
    createHTTPHandler({
      router: appRouter,
      basePath: "/trpc/",
      maxBatchSize: 50,
      allowMethodOverride: true,
      createContext: ({ req, info }) => context(req.headers.authorization ?? info.connectionParams?.authorization),
    }),
  );
  const sockets = new WebSocketServer({ server, path: "/trpc" });
  applyWSSHandler({
    wss: sockets,
    router: appRouter,
    createContext: ({ req, info }) => context(req.headers.authorization ?? info.connectionParams?.authorization),
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  after(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/trpc`;
}
