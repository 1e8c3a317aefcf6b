import type { Live } from "./live.js";
import { Watcher, type WatchOptions } from "./watcher.js";

/**
 * A subscription. With an `onEvent` listener it starts at once. Without one, each loop over it, `for await (const event
 * of …)`, starts one of its own. The loop ends when the subscription ends, and throws the error that ended it.
 */
export interface Subscription<E> extends AsyncIterable<E> {
  unsubscribe(): void;
}

export function subscribe<E>(
  live: Live,
  path: string,
  input: object | undefined,
  options: WatchOptions<E>,
): Subscription<E> {
  const abort = new AbortController();
  const start = (own: WatchOptions<E>): Watcher => {
    const watcher = new Watcher(path, input, own as WatchOptions<unknown>);
    if (abort.signal.aborted) watcher.end();
    else live.add(watcher);
    abort.signal.addEventListener("abort", () => live.remove(watcher));
    return watcher;
  };
  const unsubscribe = () => {
    options.signal?.removeEventListener("abort", unsubscribe);
    abort.abort();
  };
  if (options.signal?.aborted) abort.abort();
  else options.signal?.addEventListener("abort", unsubscribe);
  if (options.onEvent !== undefined) start(options);
  return { unsubscribe, [Symbol.asyncIterator]: () => iterate(live, start, options) };
}

async function* iterate<E>(
  live: Live,
  start: (own: WatchOptions<E>) => Watcher,
  options: WatchOptions<E>,
): AsyncGenerator<E, void> {
  const events: E[] = [];
  let end: { error?: unknown } | undefined;
  let wake = () => {};
  const watcher = start({
    onEvent: (event) => {
      events.push(event);
      wake();
    },
    onError: (error) => {
      end = { error };
      options.onError?.(error);
    },
    onStateChange: (state, error) => {
      if (state === "closed") end ??= {};
      options.onStateChange?.(state, error);
      wake();
    },
    onRetry: options.onRetry,
  });
  try {
    for (;;) {
      yield* events.splice(0);
      if (events.length > 0) continue;
      if (end !== undefined) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if ("error" in end) throw end.error;
  } finally {
    live.remove(watcher);
  }
}
