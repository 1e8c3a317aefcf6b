import { backoff, pause } from "./backoff.js";
import { type ClusterdeskError, isClusterdeskError } from "./error.js";

/** How often a mutation is sent again, unless the options say otherwise. */
export const REPETITIONS = 3;

/** A new idempotency key. Not `crypto.randomUUID`, which a web page has in secure contexts only. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Sends a mutation until it is answered, at most `repetitions` times more. Every attempt must have the same idempotency key.
 * @throws what the last attempt throws, and the signal's reason.
 */
export async function repeat<T>(attempt: () => Promise<T>, repetitions: number, signal?: AbortSignal): Promise<T> {
  for (let count = 0; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (count >= repetitions || !isClusterdeskError(error) || !isUnanswered(error)) throw error;
      await pause(Math.max(error.retryAfterMs ?? 0, backoff(count)), signal ?? new AbortController().signal);
      signal?.throwIfAborted();
    }
  }
}

/** Whether it is not known what became of the call, or the server asks to send it again. */
function isUnanswered({ code, httpStatus = 0, retryAfterMs, outcome }: ClusterdeskError): boolean {
  switch (code) {
    case "NETWORK_ERROR":
      return true;
    // A proxy's page about a server that it does not reach.
    case "MALFORMED_RESPONSE":
      return httpStatus >= 502 && httpStatus <= 504;
    case "SERVICE_UNAVAILABLE":
      return retryAfterMs !== undefined || outcome === "unknown";
    // The first call with the key still runs.
    case "CONFLICT":
      return retryAfterMs !== undefined;
    default:
      return false;
  }
}
