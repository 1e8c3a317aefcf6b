import { initTRPC, TRPCError, tracked } from "@trpc/server";
import superjson from "superjson";
import { flattenError, ZodError, z } from "zod";
import type { RouterOutputs } from "../../../clients/app-router.js";
import type { OldBilling } from "./billing.ts";
import type { Store } from "./store.ts";

/** What a call knows of its caller. */
export interface Context {
  user: string | undefined;
}

const t = initTRPC.context<Context>().create({
  transformer: superjson,
  isDev: false,
  errorFormatter({ shape, error }) {
    const zodError = error.cause instanceof ZodError ? flattenError(error.cause) : null;
    return { ...shape, data: { ...shape.data, zodError } };
  },
});

const user = t.procedure.use(({ ctx, next }) => {
  if (ctx.user === undefined) throw new TRPCError({ code: "UNAUTHORIZED" });
  return next({ ctx: { user: ctx.user } });
});

const id = z.number().int().positive();
const name = z.string().regex(/^[a-z0-9-]{1,100}$/);
const location = z.string().min(1).max(50);
const own = z.object({ userId: z.string().optional() }).optional();
const plan = z.enum(["FREE", "PRO", "BUSINESS"]).default("FREE");
const success = { success: true } as const;

/** The procedures of the old server that the application calls. The results have the types of clusterdesk's. */
export function router(store: Store, billing: OldBilling) {
  return t.router({
    hello: {
      hello: user
        .input(z.object({ text: z.string() }))
        .query(({ input }): RouterOutputs["hello"]["hello"] => ({ greeting: `hello ${input.text}` })),
    },
    auth: {
      mySubscription: user.query(({ ctx }): RouterOutputs["auth"]["mySubscription"] => {
        const customer = store.customer(ctx.user);
        return customer ? { plan: customer.plan, endsAt: customer.stripeCurrentPeriodEnd } : null;
      }),
    },
    customer: {
      queryCustomer: user
        .input(own)
        .query(({ ctx }): RouterOutputs["customer"]["queryCustomer"] => store.customer(ctx.user) ?? null),
      insertCustomer: user.input(own).mutation(({ ctx }) => {
        store.addCustomer(ctx.user);
        return success;
      }),
    },
    stripe: {
      createSession: user
        .input(z.object({ planId: z.string() }))
        .mutation(async ({ ctx, input }): Promise<RouterOutputs["stripe"]["createSession"]> => {
          return { success: true, url: await billing.checkout(ctx.user, input.planId) };
        }),
      userPlans: user.query(({ ctx }): RouterOutputs["stripe"]["userPlans"] => {
        const customer = store.customer(ctx.user);
        if (customer === undefined) return null;
        const paid = customer.stripeCurrentPeriodEnd !== null;
        return {
          title: paid ? "Pro" : "Free",
          description: "",
          benefits: [],
          limitations: [],
          prices: { monthly: 0, yearly: 0 },
          stripeIds: { monthly: null, yearly: null },
          stripeCustomerId: customer.stripeCustomerId,
          stripeSubscriptionId: customer.stripeSubscriptionId,
          stripePriceId: customer.stripePriceId,
          stripeCurrentPeriodEnd: customer.stripeCurrentPeriodEnd?.getTime() ?? 0,
          interval: paid ? "month" : null,
          isPaid: paid,
          isCanceled: false,
        };
      }),
    },
    k8s: {
      getClusters: user.query(({ ctx }): RouterOutputs["k8s"]["getClusters"] => store.active(ctx.user)),
      createCluster: user
        .input(z.object({ name, location, plan }))
        .mutation(({ ctx, input }): RouterOutputs["k8s"]["createCluster"] => {
          const cluster = store.addCluster(ctx.user, input.name, input.location, input.plan);
          return { id: cluster.id, clusterName: input.name, location: input.location, plan: input.plan, ...success };
        }),
      updateCluster: user
        .input(z.object({ id, name: name.optional(), location: location.optional() }))
        .mutation(({ ctx, input: { id, ...change } }): RouterOutputs["k8s"]["updateCluster"] => {
          store.changeCluster(ctx.user, id, "updated", change);
          return success;
        }),
      deleteCluster: user.input(z.object({ id })).mutation(({ ctx, input }): RouterOutputs["k8s"]["deleteCluster"] => {
        store.changeCluster(ctx.user, input.id, "deleted", { deletedAt: new Date() });
        return success;
      }),
      watch: user.input(z.object({ lastEventId: z.string().optional() }).optional()).subscription(async function* ({
        ctx,
        input,
        signal,
      }) {
        const after = input?.lastEventId === undefined ? undefined : Number(input.lastEventId);
        for await (const change of store.changes(ctx.user, after, signal)) yield tracked(change.id, change);
      }),
    },
  });
}
