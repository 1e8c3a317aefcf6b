import { TRPCError } from "@trpc/server";
import type { Cluster, ClusterChange, Customer, Plan } from "../../../clients/app-router.js";

const PLANS: Plan[] = ["FREE", "PRO", "BUSINESS"];

/** What the old server has stored, in memory. */
export class Store {
  readonly clusters: Cluster[] = [];
  readonly customers: Customer[] = [];
  readonly #events: Exclude<ClusterChange, { type: "ready" | "lagged" }>[] = [];
  readonly #wake = new EventTarget();

  customer(user: string): Customer | undefined {
    return this.customers.find(({ authUserId }) => authUserId === user);
  }

  addCustomer(user: string): void {
    if (this.customer(user)) throw new TRPCError({ code: "CONFLICT" });
    const now = new Date();
    this.customers.push({
      id: this.customers.length + 1,
      authUserId: user,
      name: null,
      plan: "FREE",
      stripeCustomerId: null,
      stripeSubscriptionId: null,
      stripePriceId: null,
      stripeCurrentPeriodEnd: null,
      createdAt: now,
      updatedAt: now,
    });
  }

  active(user: string): Cluster[] {
    return this.clusters.filter(({ authUserId, deletedAt }) => authUserId === user && deletedAt === null);
  }

  addCluster(user: string, name: string, location: string, plan: Plan): Cluster {
    if (PLANS.indexOf(plan) > PLANS.indexOf(this.customer(user)?.plan ?? "FREE"))
      throw new TRPCError({ code: "PAYMENT_REQUIRED" });
    if (this.active(user).some((cluster) => cluster.plan === plan)) throw new TRPCError({ code: "CONFLICT" });
    const [now, id] = [new Date(), this.clusters.length + 1];
    const cluster = { id, name, location, authUserId: user, plan, network: "Default", status: "PENDING" } as const;
    this.clusters.push({ ...cluster, createdAt: now, updatedAt: now, deletedAt: null });
    this.#record("created", this.clusters.at(-1)!);
    return this.clusters.at(-1)!;
  }

  changeCluster(user: string, id: number, type: "updated" | "deleted", change: Partial<Cluster>): void {
    const cluster = this.active(user).find((candidate) => candidate.id === id);
    if (cluster === undefined) throw new TRPCError({ code: "NOT_FOUND" });
    Object.assign(cluster, change, { updatedAt: new Date() });
    this.#record(type, cluster);
  }

  /** The changes to a user's clusters after an event, by default the newest. */
  async *changes(user: string, after: number | undefined, signal?: AbortSignal): AsyncGenerator<ClusterChange> {
    let position = after ?? this.#events.length;
    if (after === undefined) yield { type: "ready", id: String(position) };
    while (!signal?.aborted) {
      const events = this.#events.slice(position);
      position += events.length;
      for (const event of events) if (event.cluster.authUserId === user) yield event;
      if (position < this.#events.length) continue;
      await new Promise((resolve) => {
        this.#wake.addEventListener("event", resolve, { once: true });
        signal?.addEventListener("abort", resolve, { once: true });
      });
    }
  }

  #record(type: "created" | "updated" | "deleted", cluster: Cluster): void {
    this.#events.push({ type, id: String(this.#events.length + 1), at: new Date(), cluster: { ...cluster } });
    this.#wake.dispatchEvent(new Event("event"));
  }
}
