import { ClusterdeskError } from "./error.js";
import { malformed } from "./message.js";
import { type ClientOptions, read } from "./options.js";

/** An HTTP response with a JSON body. */
export interface Reply {
  body: unknown;
  headers: Headers;
}

/**
 * Posts a JSON-RPC message to the server.
 * @throws {ClusterdeskError} NETWORK_ERROR when no response came, MALFORMED_RESPONSE when it is not JSON. What a token
 * function throws is passed on.
 */
export async function post(options: ClientOptions, message: string, signal?: AbortSignal): Promise<Reply> {
  const headers = new Headers(await read(options.headers ?? {}));
  const token = await read(options.token);
  headers.set("content-type", "application/json");
  if (token) headers.set("authorization", `Bearer ${token}`);
  // Browsers reject a `fetch` that is called as a method of another object.
  const { fetch = globalThis.fetch } = options;
  let response: Response;
  let text: string;
  try {
    response = await fetch(options.url, { method: "POST", headers, body: message, signal: signal ?? null });
    text = await response.text();
  } catch (cause) {
    throw new ClusterdeskError("NETWORK_ERROR", "The server could not be reached.", {}, { cause });
  }
  try {
    return { body: JSON.parse(text), headers: response.headers };
  } catch {
    throw malformed(`The server answered with status ${response.status} and a body that is not JSON.`, {
      httpStatus: response.status,
      requestId: response.headers.get("x-request-id") ?? undefined,
    });
  }
}
