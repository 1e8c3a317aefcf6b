import { ClusterdeskError, type ErrorCode, type ErrorDetails } from "./error.js";

/** What the server sends: a response (with an id) or an event of a subscription (with params). JSON-RPC 2.0 §5. */
export interface Message {
  id?: unknown;
  result?: unknown;
  error?: undefined | { code: number; message: string; data?: (ErrorDetails & { code?: ErrorCode }) | null };
  params?: { subscription?: unknown; result?: unknown; error?: Message["error"] };
}

/** A request as text. An undefined input, key and undefined fields are omitted. */
export function request(id: number, method: string, params?: unknown, idempotencyKey?: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params, idempotencyKey });
}

export function isMessage(value: unknown): value is Message {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The error in a message; undefined if there is none. */
export function failure(message: Pick<Message, "error">, path?: string): ClusterdeskError | undefined {
  const { error } = message;
  if (error === undefined) return undefined;
  if (typeof error?.code !== "number" || typeof error.message !== "string")
    return malformed("The server's error is malformed.", { path });
  const { code, ...details } = error.data ?? {};
  if (code === undefined) return malformed(error.message, { number: error.code, path });
  return new ClusterdeskError(code, error.message, { number: error.code, path, ...details });
}

/**
 * The result in the response to a call of `path`.
 * @throws {ClusterdeskError} the error in the response, or MALFORMED_RESPONSE when `response` is not a response.
 */
export function outcome(response: unknown, path: string): unknown {
  if (!isMessage(response)) throw malformed("The server did not answer this call.", { path });
  const error = failure(response, path);
  if (error !== undefined) throw error;
  if (!("result" in response)) throw malformed("The response has neither a result nor an error.", { path });
  return response.result;
}

export function malformed(message: string, details: ErrorDetails): ClusterdeskError {
  return new ClusterdeskError("MALFORMED_RESPONSE", message, details);
}
