import { ClusterdeskError, type ErrorCode, type ErrorDetails } from "./error.js";

/** What the server sends: an answer (with an id) or an event of a subscription (with params). JSON-RPC 2.0 §5. */
export interface Message {
  id?: unknown;
  result?: unknown;
  error?: undefined | { code: number; message: string; data?: (ErrorDetails & { code?: ErrorCode }) | null };
  params?: { subscription?: unknown; result?: unknown; error?: Message["error"] };
}

/** A request as text. Undefined input is left out, as are undefined fields. */
export function request(id: number, method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

export function isMessage(value: unknown): value is Message {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The error that a message carries, if it carries one. */
export function failure(message: Pick<Message, "error">, path?: string): ClusterdeskError | undefined {
  const { error } = message;
  if (error === undefined) return undefined;
  if (typeof error?.code !== "number" || typeof error.message !== "string")
    return malformed("The server's error is malformed.", { path });
  const { code, ...details } = error.data ?? {};
  if (code === undefined) return malformed(error.message, { number: error.code, path });
  return new ClusterdeskError(code, error.message, { number: error.code, path, ...details });
}

export function malformed(message: string, details: ErrorDetails): ClusterdeskError {
  return new ClusterdeskError("MALFORMED_RESPONSE", message, details);
}
