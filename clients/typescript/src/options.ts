import type { SocketConstructor } from "./socket.js";

/** A value, or a function that returns it and is called each time. */
export type Source<T> = T | (() => T | Promise<T>);

export interface ClientOptions {
  /** The server's address, such as `https://rpc.example.com/`. WebSockets are opened on the same one. */
  url: string;
  /** JWT or API token. A function is called before each request and each connection, so it can refresh the token. */
  token?: Source<string | null | undefined>;
  /** Additional HTTP headers. WebSockets do not get them: a browser cannot set headers there. */
  headers?: Source<Record<string, string>>;
  /** How often a mutation without an answer is sent again, with the same idempotency key; 3 by default. */
  repetitions?: number;
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** Replaces the global `WebSocket`, which Node has since version 22. The class of the package `ws` works. */
  WebSocket?: SocketConstructor;
}

/** The value of a source. */
export async function read<T>(source: Source<T>): Promise<T> {
  return typeof source === "function" ? await (source as () => T | Promise<T>)() : source;
}
