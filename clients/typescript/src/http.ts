import type { Post } from "./batch.js";
import { ClusterdeskError } from "./error.js";
import { malformed } from "./message.js";
import { read, type ClientOptions } from "./options.js";

/** Posts JSON-RPC messages to the server. */
export function http(options: ClientOptions): Post {
  // Looked up at each call, and called without a receiver, as browsers insist.
  const send: typeof globalThis.fetch = (input, init) => (options.fetch ?? globalThis.fetch)(input, init);
  return async (body, signal) => {
    const headers = new Headers(await read(options.headers ?? {}));
    const token = await read(options.token);
    headers.set("content-type", "application/json");
    if (token) headers.set("authorization", `Bearer ${token}`);
    let response: Response;
    let text: string;
    try {
      response = await send(options.url, { method: "POST", headers, body, signal });
      text = await response.text();
    } catch (cause) {
      throw new ClusterdeskError("NETWORK_ERROR", "The server could not be reached.", {}, { cause });
    }
    try {
      return JSON.parse(text);
    } catch {
      throw malformed(`The server answered with status ${response.status} and no JSON.`, {
        httpStatus: response.status,
        requestId: response.headers.get("x-request-id") ?? undefined,
      });
    }
  };
}
