// `old`: the server that clusterdesk replaces, rebuilt from its parts. tRPC 11 with superjson and zod, Kysely on pg, one
// process. As in the old server, every call looks its user up, a write is a transaction, and statistics count the tables.
// `node old.js PORT postgres-host database jwt-secret`
import { initTRPC, TRPCError } from "@trpc/server";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import superjson from "superjson";
import { z } from "zod";
import { verifier } from "./tokens.js";

const [port, host, database, secret] = process.argv.slice(2);
const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ host, database, user: "postgres" }) }) });
const verify = verifier(secret);

const t = initTRPC.context().create({
  transformer: superjson,
  errorFormatter: ({ shape, error }) => ({
    ...shape,
    data: { ...shape.data, zodError: error.cause instanceof z.ZodError ? z.flattenError(error.cause) : null },
  }),
});

const protectedProcedure = t.procedure.use(async ({ ctx, next }) => {
  if (!ctx.userId) throw new TRPCError({ code: "UNAUTHORIZED" });
  const user = await db
    .selectFrom("users")
    .selectAll()
    .where("id", "=", ctx.userId)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (!user) throw new TRPCError({ code: "UNAUTHORIZED" });
  return next({ ctx: { ...ctx, user } });
});

const adminProcedure = protectedProcedure.use(({ ctx, next }) => {
  if (ctx.user.role !== "ADMIN") throw new TRPCError({ code: "FORBIDDEN" });
  return next();
});

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
const cluster = (row) => ({
  id: Number(row.id),
  name: row.name,
  location: row.location,
  authUserId: row.auth_user_id,
  plan: row.plan,
  network: row.network,
  status: row.status,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  deletedAt: row.deleted_at,
});
const liveClusters = (conn, owner) =>
  conn
    .selectFrom("k8s_cluster_configs")
    .selectAll()
    .where("auth_user_id", "=", owner)
    .where("deleted_at", "is", null)
    .orderBy("id")
    .execute();
const count = async (query) =>
  Number((await query.select((eb) => eb.fn.countAll().as("count")).executeTakeFirstOrThrow()).count);

const appRouter = t.router({
  hello: t.router({
    hello: protectedProcedure
      .input(z.object({ text: z.string().min(1).max(1000) }))
      .query(({ input }) => ({ greeting: `hello ${input.text.replace(/[&<>"']/g, (c) => escapes[c])}` })),
  }),
  k8s: t.router({
    getClusters: protectedProcedure.query(async ({ ctx }) => (await liveClusters(db, ctx.user.id)).map(cluster)),
    createCluster: protectedProcedure
      .input(
        z.object({
          name: z.string().min(1).max(100).regex(/^[a-z0-9-]+$/),
          location: z.string().min(1).max(50),
          plan: z.enum(["FREE", "PRO", "BUSINESS"]).default("FREE"),
        }),
      )
      .mutation(({ ctx, input }) =>
        db.transaction().execute(async (tx) => {
          const now = new Date();
          const existing = await tx
            .selectFrom("k8s_cluster_configs")
            .select("id")
            .where("auth_user_id", "=", ctx.user.id)
            .where("plan", "=", input.plan)
            .where("deleted_at", "is", null)
            .executeTakeFirst();
          if (existing) throw new TRPCError({ code: "CONFLICT" });
          const made = await tx
            .insertInto("k8s_cluster_configs")
            .values({
              ...input,
              auth_user_id: ctx.user.id,
              network: "Default",
              status: "PENDING",
              created_at: now,
              updated_at: now,
            })
            .returning("id")
            .executeTakeFirstOrThrow();
          return {
            id: Number(made.id),
            clusterName: input.name,
            location: input.location,
            plan: input.plan,
            success: true,
          };
        }),
      ),
    deleteCluster: protectedProcedure.input(z.object({ id: z.number().int() })).mutation(({ ctx, input }) =>
      db.transaction().execute(async (tx) => {
        const now = new Date();
        const owned = await tx
          .selectFrom("k8s_cluster_configs")
          .select("id")
          .where("id", "=", input.id)
          .where("auth_user_id", "=", ctx.user.id)
          .where("deleted_at", "is", null)
          .executeTakeFirst();
        if (!owned) throw new TRPCError({ code: "NOT_FOUND" });
        await tx
          .updateTable("k8s_cluster_configs")
          .set({ status: "DELETED", deleted_at: now, updated_at: now })
          .where("id", "=", input.id)
          .execute();
        return { success: true };
      }),
    ),
  }),
  user: t.router({
    summary: protectedProcedure.query(({ ctx }) =>
      db
        .transaction()
        .setIsolationLevel("repeatable read")
        .execute(async (tx) => {
          const customer = await tx
            .selectFrom("customers")
            .selectAll()
            .where("auth_user_id", "=", ctx.user.id)
            .executeTakeFirst();
          const clusters = (await liveClusters(tx, ctx.user.id)).map(cluster);
          return { user: ctx.user, customer: customer ?? null, activeClusters: clusters.length, clusters };
        }),
    ),
  }),
  admin: t.router({
    getStats: adminProcedure.query(async () => {
      const now = new Date();
      const [totalUsers, totalClusters, activeSubscriptions, recentActivity] = await Promise.all([
        count(db.selectFrom("users").where("deleted_at", "is", null)),
        count(db.selectFrom("k8s_cluster_configs").where("deleted_at", "is", null)),
        count(
          db.selectFrom("customers").where("plan", "<>", "FREE").where("stripe_current_period_end", ">", now),
        ),
        count(db.selectFrom("audit_log").where("created_at", ">=", new Date(now.getTime() - 86_400_000))),
      ]);
      return { totalUsers, totalClusters, activeSubscriptions, recentActivity };
    }),
  }),
});

createHTTPServer({
  router: appRouter,
  basePath: "/trpc/",
  // The load tool recognises by its request id whose answer it reads.
  middleware: (request, response, next) => {
    const id = request.headers["x-request-id"];
    if (id) response.setHeader("x-request-id", id);
    next();
  },
  createContext: ({ req }) => ({ userId: verify(req.headers.authorization?.slice("Bearer ".length)) }),
}).listen(Number(port), "127.0.0.1");
