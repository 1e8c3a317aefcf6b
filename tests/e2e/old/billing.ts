import { TRPCError } from "@trpc/server";
import Stripe from "stripe";
import type { Customer } from "../../../clients/app-router.js";
import type { Billing } from "../support/stripe.ts";
import type { Store } from "./store.ts";

/** The old server's business with Stripe, by Stripe's own library. */
export class OldBilling {
  readonly #stripe: Stripe;
  readonly #settings: Billing;
  readonly #store: Store;
  /** Where the application is, to which Stripe sends people back. */
  readonly #app: string;

  constructor(settings: Billing, store: Store, app: string) {
    const { hostname, port } = new URL(settings.url);
    this.#stripe = new Stripe(settings.key, { host: hostname, port, protocol: "http", telemetry: false });
    this.#settings = settings;
    this.#store = store;
    this.#app = app;
  }

  /** Returns the URL of a checkout. */
  async checkout(user: string, price: string): Promise<string | null> {
    if (price !== this.#settings.price) throw new TRPCError({ code: "BAD_REQUEST" });
    const customer = this.#customer(user);
    customer.stripeCustomerId ??= (await this.#stripe.customers.create({ metadata: { userId: user } })).id;
    const back = `${this.#app}/dashboard`;
    const session = await this.#stripe.checkout.sessions.create({
      mode: "subscription",
      customer: customer.stripeCustomerId,
      line_items: [{ price, quantity: 1 }],
      metadata: { userId: user },
      subscription_data: { metadata: { userId: user } },
      success_url: back,
      cancel_url: back,
    });
    return session.url;
  }

  /** Processes an event. Throws if the signature is wrong. */
  receive(body: Buffer, signature: string): void {
    const event = this.#stripe.webhooks.constructEvent(body, signature, this.#settings.secret);
    if (event.type !== "customer.subscription.created") return;
    const { id, metadata, items } = event.data.object;
    const [item] = items.data;
    Object.assign(this.#customer(metadata.userId!), {
      plan: "PRO",
      stripeSubscriptionId: id,
      stripePriceId: item!.price.id,
      stripeCurrentPeriodEnd: new Date(item!.current_period_end * 1000),
      updatedAt: new Date(),
    } satisfies Partial<Customer>);
  }

  #customer(user: string): Customer {
    const customer = this.#store.customer(user);
    if (customer === undefined) throw new TRPCError({ code: "NOT_FOUND" });
    return customer;
  }
}
