/** Set by the test before the page runs. */
export interface Settings {
  /** The server's address. */
  url: string;
  token: string;
  /** The transport of tRPC's subscriptions. */
  live: "sse" | "websocket";
}

export const settings = (globalThis as unknown as { settings: Settings }).settings;
