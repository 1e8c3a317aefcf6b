import type { Live } from "./live.js";
import { Watcher, type WatchOptions } from "./watcher.js";

/**
 * A subscription. Given `onEvent`, it begins at once; else with the loop that reads it: `for await (const event of …)`.
 * The loop ends when the subscription does, and throws the error that ended it. Each loop is a subscription of its own.
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
  const ending = new AbortController();
  const begin = (own: WatchOptions<E>): Watcher => {
    const watcher = new Watcher(path, input, own as WatchOptions<unknown>);
    if (ending.signal.aborted) watcher.end();
    else live.add(watcher);
    ending.signal.addEventListener("abort", () => live.remove(watcher));
    return watcher;
  };
  const unsubscribe = () => {
    options.signal?.removeEventListener("abort", unsubscribe);
    ending.abort();
  };
  if (options.signal?.aborted) ending.abort();
  else options.signal?.addEventListener("abort", unsubscribe);
  if (options.onEvent !== undefined) begin(options);
  return { unsubscribe, [Symbol.asyncIterator]: () => iterate(live, begin, options) };
}

async function* iterate<E>(
  live: Live,
  begin: (own: WatchOptions<E>) => Watcher,
  options: WatchOptions<E>,
): AsyncGenerator<E, void> {
  const events: E[] = [];
  let end: { error?: unknown } | undefined;
  let wake = () => {};
  const watcher = begin({
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
  });
  try {
    for (;;) {
      while (events.length > 0) yield events.shift()!;
      if (end !== undefined) break;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    if ("error" in end) throw end.error;
  } finally {
    live.remove(watcher);
  }
}
