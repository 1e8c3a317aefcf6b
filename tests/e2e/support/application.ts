import { after } from "node:test";
import { start } from "./child.ts";
import { SECRET } from "./token.ts";

/** Where browsers find the application, where its server components find the API, and what it sells. */
export interface Places {
  app: string;
  api: string;
  price: string;
}

/** Starts the built Next.js application on a port, by default any. Returns its URL. */
export async function application({ app, api, price }: Places, port = 0): Promise<string> {
  const command = ["node_modules/.bin/next", "start", "next", "--hostname", "127.0.0.1", "--port", String(port)];
  const { found, stop } = await start([process.execPath, ...command], /Local:\s+(http:\S+).*Ready/s, {
    NEXT_TELEMETRY_DISABLED: "1",
    NODE_ENV: "production",
    APP_URL: app,
    API_URL: api,
    JWT_SECRET: SECRET,
    STRIPE_PRO_MONTHLY_PRICE_ID: price,
  });
  after(() => stop());
  return found;
}
