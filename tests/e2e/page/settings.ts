/** What the test tells the page before it runs. */
export interface Settings {
  /** The server's address. */
  url: string;
  token: string;
  /** What tRPC's subscriptions travel by. */
  live: "sse" | "websocket";
}

export const settings = (globalThis as unknown as { settings: Settings }).settings;
