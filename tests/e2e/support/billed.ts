import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after } from "node:test";
import { Server } from "./server.ts";

const SECRET = "whsec_e2e";
const PRICE = "price_pro_monthly";
const MONTH = 30 * 24 * 3600;

/** A server with a Stripe account, and what Stripe tells it. */
export interface Billed {
  server: Server;
  /**
   * A running subscription, or one with another status, and a paid invoice: `sub_<user>` of the Stripe customer `cus_<user>`. The
   * events are `evt_begun_<user>` and `evt_paid_<user>`.
   */
  subscribe: (user: string, status?: string) => Promise<void>;
  /** An event about a user that can't be processed, because its price is not known. Returns its id. */
  failing: (user: string) => Promise<string>;
}

/** Starts a server, and a stand-in for Stripe that lists the subscriptions which were told. */
export async function billed(env: Record<string, string>): Promise<Billed> {
  const told = new Map<string, object>();
  const api = createServer((request, response) => {
    const customer = new URL(request.url ?? "/", "http://stripe").searchParams.get("customer") ?? "";
    const data = [told.get(customer)].filter(Boolean);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ object: "list", data, has_more: false }));
  });
  await once(api.listen(0, "127.0.0.1"), "listening");
  after(() => {
    api.closeAllConnections();
    api.close();
  });
  const server = await Server.start({
    STRIPE_SECRET_KEY: "sk_test_e2e",
    STRIPE_WEBHOOK_SECRET: SECRET,
    STRIPE_API_BASE: `http://127.0.0.1:${(api.address() as { port: number }).port}`,
    STRIPE_PRO_MONTHLY_PRICE_ID: PRICE,
    ...env,
  });

  async function tell(id: string, type: string, object: object): Promise<void> {
    const now = Math.floor(Date.now() / 1000);
    const body = JSON.stringify({ id, object: "event", type, created: now, livemode: false, data: { object } });
    const signature = createHmac("sha256", SECRET).update(`${now}.${body}`).digest("hex");
    const headers = { "content-type": "application/json", "stripe-signature": `t=${now},v1=${signature}` };
    await fetch(`${server.url}/webhooks/stripe`, { method: "POST", headers, body });
  }

  function subscription(user: string, price: string, status = "active") {
    const start = Math.floor(Date.now() / 1000) - 60;
    const item = { id: "si_1", price: { id: price, object: "price" } };
    const items = [{ ...item, current_period_start: start, current_period_end: start + MONTH }];
    return {
      id: `sub_${user}`,
      object: "subscription",
      customer: `cus_${user}`,
      status,
      created: start,
      cancel_at_period_end: false,
      metadata: { userId: user },
      items: { object: "list", data: items },
    };
  }

  return {
    server,
    async subscribe(user, status) {
      const running = subscription(user, PRICE, status);
      told.set(running.customer, running);
      await tell(`evt_begun_${user}`, "customer.subscription.created", running);
      const [item] = running.items.data;
      const period = { start: item?.current_period_start, end: item?.current_period_end };
      await tell(`evt_paid_${user}`, "invoice.paid", {
        id: `in_${user}`,
        object: "invoice",
        customer: running.customer,
        status: "paid",
        parent: { type: "subscription_details", subscription_details: { subscription: running.id } },
        lines: { object: "list", data: [{ id: "il_1", period, pricing: { price_details: { price: PRICE } } }] },
      });
    },
    async failing(user) {
      const id = `evt_failed_${user}`;
      const bad = subscription(user, "price_unknown");
      await tell(id, "customer.subscription.created", bad);
      return id;
    },
  };
}
