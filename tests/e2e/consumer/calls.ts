// The types of inputs and outputs.
import type { inferRouterInputs, inferRouterOutputs } from "@trpc/server";
import type { AppRouter, Cluster, RouterInputs, RouterOutputs } from "../../../clients/app-router.js";
import { trpc } from "./links.js";
import { same } from "./same.js";

type Inputs = inferRouterInputs<AppRouter>;
type Outputs = inferRouterOutputs<AppRouter>;

export async function calls(signal: AbortSignal) {
  same<RouterInputs, Inputs>(true);
  same<RouterOutputs, Outputs>(true);
  const me = await trpc.user.me.query();
  same<typeof me.createdAt, Date>(true);
  same<typeof me.role, "USER" | "ADMIN">(true);
  same<typeof me.name, string | null>(true);

  const clusters = await trpc.k8s.getClusters.query(undefined, { signal });
  same<typeof clusters, Cluster[]>(true);
  same<Outputs["k8s"]["list"], Cluster[]>(true);
  same<Outputs["k8s"]["getClusters"], Outputs["k8s"]["list"]>(true);
  same<Cluster["status"], "PENDING" | "CREATING" | "INITING" | "RUNNING" | "STOPPED" | "DELETED">(true);
  same<Cluster["deletedAt"], Date | null>(true);
  same<Inputs["k8s"]["createCluster"], Inputs["k8s"]["create"]>(true);

  const created = await trpc.k8s.createCluster.mutate({ name: "one", location: "eu" });
  same<typeof created.plan, "FREE" | "PRO" | "BUSINESS">(true);
  same<typeof created.success, true>(true);
  await trpc.k8s.create.mutate({ name: "one", location: "eu", plan: "PRO", id: 7 });
  await trpc.k8s.update.mutate({ id: 1, name: "two" });

  const page = await trpc.k8s.listDeleted.query();
  same<typeof page.nextCursor, string | null>(true);
  await trpc.k8s.listDeleted.query({ cursor: page.nextCursor, limit: 10 });
  await trpc.k8s.listDeleted.query({ cursor: undefined });
  const customer = await trpc.customer.queryCustomer.query();
  same<typeof customer, Outputs["customer"]["get"]>(true);
  // @ts-expect-error it may be null
  customer.plan;
  const { items } = await trpc.admin.auditLog.query({ since: new Date(0), until: new Date() });
  same<NonNullable<(typeof items)[0]>["detail"], unknown>(true);
}

export function wrongUses() {
  // @ts-expect-error a field is missing
  void trpc.k8s.create.mutate({ name: "one" });
  // @ts-expect-error no field of this name
  void trpc.k8s.create.mutate({ name: "one", location: "eu", colour: "blue" });
  // @ts-expect-error not one of the plans
  void trpc.k8s.create.mutate({ name: "one", location: "eu", plan: "GOLD" });
  // @ts-expect-error a number is required
  void trpc.k8s.get.query({ id: "1" });
  // @ts-expect-error an input is required
  void trpc.k8s.get.query();
  // @ts-expect-error takes no input
  void trpc.user.me.query({ id: 1 });
  // @ts-expect-error a mutation is no query
  void trpc.k8s.create.query({ name: "one", location: "eu" });
  // @ts-expect-error a query is no mutation
  void trpc.k8s.list.mutate();
  // @ts-expect-error a subscription is neither
  void trpc.k8s.watch.query();
  // @ts-expect-error no such procedure
  void trpc.k8s.explode.mutate();
  // @ts-expect-error a date is a Date, not a string
  void trpc.admin.auditLog.query({ since: "2026-11-22T09:30:00.000Z" });
  // @ts-expect-error not one of the statuses
  void trpc.k8s.setStatus.mutate({ id: 1, status: "ASLEEP" });
}
