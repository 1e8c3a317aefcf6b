import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { after } from "node:test";

/** What a server must know to sell the price PRO. */
export interface Billing {
  /** Where Stripe's API is. */
  url: string;
  key: string;
  /** Signs the events. */
  secret: string;
  price: string;
}

const MONTH = 30 * 24 * 3600;

/**
 * Starts a stand-in for Stripe: an API that creates customers and checkouts, and a page with a button that pays. That
 * sends signed events to the application's address, and the browser back.
 */
export async function stripe(app: string): Promise<Billing> {
  const checkouts = new Map<string, URLSearchParams>();
  const billing = { url: "", key: "sk_test_e2e", secret: "whsec_e2e", price: "price_pro_monthly" };
  let created = 0;

  async function tell(type: string, object: object): Promise<void> {
    const now = Math.floor(Date.now() / 1000);
    const id = `evt_${++created}`;
    const event = { id, object: "event", type, created: now, livemode: false, data: { object } };
    const body = JSON.stringify(event);
    const signature = createHmac("sha256", billing.secret).update(`${now}.${body}`).digest("hex");
    const headers = { "content-type": "application/json", "stripe-signature": `t=${now},v1=${signature}` };
    const { status } = await fetch(`${app}/api/webhooks/stripe`, { method: "POST", headers, body });
    if (status !== 200) throw new Error(`${type} was answered ${status}`);
  }

  async function pay(checkout: URLSearchParams, id: string): Promise<void> {
    const now = Math.floor(Date.now() / 1000);
    const user = { userId: checkout.get("metadata[userId]") };
    const customer = checkout.get("customer");
    const price = { id: checkout.get("line_items[0][price]"), object: "price" };
    const item = { id: "si_1", price, current_period_start: now, current_period_end: now + MONTH };
    const subscription = { id: `sub_${id}`, object: "subscription", customer, status: "active", metadata: user };
    const items = { object: "list", data: [item] };
    await tell("customer.subscription.created", { ...subscription, created: now, cancel_at_period_end: false, items });
    const session = { id, object: "checkout.session", customer, subscription: subscription.id, metadata: user };
    await tell("checkout.session.completed", session);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "";
    const form = new URLSearchParams(await text(request));
    const json = (object: object) =>
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(object));
    if (path.startsWith("/v1/") && !authorized(request, billing.key)) return void response.writeHead(401).end("{}");
    if (path === "/v1/customers") return void json({ id: `cus_${++created}`, object: "customer" });
    if (path.startsWith("/v1/subscriptions?")) return void json({ object: "list", data: [], has_more: false });
    if (path === "/v1/checkout/sessions") {
      const id = `cs_${++created}`;
      checkouts.set(`/pay/${id}`, form);
      return void json({ id, object: "checkout.session", url: `${billing.url}/pay/${id}` });
    }
    const checkout = checkouts.get(path);
    if (checkout === undefined) return void response.writeHead(404).end("{}");
    if (request.method === "GET") return void response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    await pay(checkout, path.replace("/pay/", ""));
    response.writeHead(303, { location: checkout.get("success_url")! }).end();
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  billing.url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return billing;
}

const PAGE = `<!doctype html><title>Checkout</title><link rel="icon" href="data:,">
<form method="post"><button>Pay</button></form>`;

/** Stripe's library sends the key as a bearer token; it is also accepted as the user name of basic authentication. */
function authorized({ headers }: IncomingMessage, key: string): boolean {
  const basic = Buffer.from(`${key}:`).toString("base64");
  return [`Bearer ${key}`, `Basic ${basic}`].includes(headers.authorization ?? "");
}
