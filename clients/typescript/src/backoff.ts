/** Milliseconds to wait before the first new attempt, and at most. */
const FIRST = 500;
const LONGEST = 30_000;

/**
 * Milliseconds before attempt number `attempt`, counted from 0: doubling, and spread over half of it, so that a thousand
 * clients of a server that restarts don't come back in the same moment.
 */
export function backoff(attempt: number): number {
  const full = Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 10));
  return full * (0.5 + Math.random() / 2);
}

/** Waits so long, or until the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
