/** Milliseconds before the first new attempt, and the longest delay between two attempts. */
const FIRST = 500;
const LONGEST = 30_000;

/**
 * Milliseconds before attempt number `attempt`, counted from 0. The delay doubles with each attempt. A random half of it
 * keeps the clients of a restarted server from reconnecting all at once.
 */
export function backoff(attempt: number): number {
  const full = Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 10));
  return full * (0.5 + Math.random() / 2);
}

/**
 * Waits for `ms` milliseconds. Returns early when the signal aborts, or when a browser reports that the network is back
 * (Node has no such event).
 */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      globalThis.removeEventListener?.("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    globalThis.addEventListener?.("online", done);
  });
}
