import type { SocketConstructor } from "./socket.js";

/** A value, or a function that is asked for it each time. */
export type Source<T> = T | (() => T | Promise<T>);

export interface ClientOptions {
  /** The server's address, such as `https://rpc.example.com/`. WebSockets are opened on the same one. */
  url: string;
  /** JWT or API token. A function is asked before each request and each connection, so that it may refresh the token. */
  token?: Source<string | null | undefined>;
  /** Headers to send along. They do not reach WebSockets, where a browser can set none. */
  headers?: Source<Record<string, string>>;
  /** Instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** Instead of the global `WebSocket`, which Node has from version 22 on: the class of the package `ws` will do. */
  WebSocket?: SocketConstructor;
}

/** The value of a source. */
export async function read<T>(source: Source<T>): Promise<T> {
  return typeof source === "function" ? await (source as () => T | Promise<T>)() : source;
}
