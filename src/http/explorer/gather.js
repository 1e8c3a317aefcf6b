// Gathers reasons to load something again, so that many changes cost few calls of the caller's limit.

/** Milliseconds that a first reason waits for others. */
const SOON = 150;
/** Milliseconds from one time to the next, at least. */
const APART = 2000;

/** Milliseconds after which a server that could not be reached is asked again. */
const LATER = 10_000;

/**
 * Calls `run` soon after `ask(delayMs)`, once for all that ask meanwhile. `askAfter(error)` does so after a failure that passes,
 * and returns whether it is one. `stop()` forgets them. Runs start at least `apart` milliseconds apart.
 */
export function createGathering(run, apart = APART) {
  let timer;
  let last = Number.NEGATIVE_INFINITY;

  function ask(delayMs = 0) {
    timer ??= setTimeout(
      () => {
        timer = undefined;
        last = performance.now();
        run();
      },
      Math.max(SOON, delayMs, last + apart - performance.now()),
    );
  }

  return {
    ask,
    askAfter({ code, retryAfterMs }) {
      const passes = retryAfterMs !== undefined || code === "NETWORK_ERROR";
      if (passes) ask(retryAfterMs ?? LATER);
      return passes;
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
