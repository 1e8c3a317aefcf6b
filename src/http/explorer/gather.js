// Gathers reasons to load something again, so that many changes cost few calls of the caller's limit.

/** Milliseconds that a first reason waits for others. */
const SOON = 150;
/** Milliseconds from one time to the next. */
const APART = 2000;

/** Calls `run` soon after `ask(delayMs)`, once for all that ask meanwhile. `stop()` forgets them. */
export function createGathering(run) {
  let timer;
  let last = Number.NEGATIVE_INFINITY;
  return {
    ask(delayMs = 0) {
      timer ??= setTimeout(
        () => {
          timer = undefined;
          last = performance.now();
          run();
        },
        Math.max(SOON, delayMs, last + APART - performance.now()),
      );
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
