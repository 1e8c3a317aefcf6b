import type { ClusterdeskError } from "./error.js";

/**
 * `open`: events arrive as they happen. `reconnecting`: none arrive, and the missed ones will follow. `closed`: the
 * subscription has ended.
 */
export type WatchState = "connecting" | "open" | "reconnecting" | "closed";

/** The next attempt to connect or to subscribe. */
export interface WatchRetry {
  /** Counted from 1, since the last success. */
  attempt: number;
  /** Milliseconds until the attempt. */
  delayMs: number;
  /** The error of the attempt before; undefined if an open connection was lost. */
  error: ClusterdeskError | undefined;
}

export interface WatchOptions<E> {
  onEvent?: ((event: E) => void) | undefined;
  /** Called once, with the error that ended the subscription. */
  onError?: ((error: ClusterdeskError) => void) | undefined;
  /** Called with each new state, and with the error that caused it, if there is one. */
  onStateChange?: ((state: WatchState, error?: ClusterdeskError) => void) | undefined;
  /** Called before each delay while the state is `reconnecting`. */
  onRetry?: ((retry: WatchRetry) => void) | undefined;
  /** Ends the subscription without an error. */
  signal?: AbortSignal | undefined;
}

/** One subscription. It outlives connections. */
export class Watcher {
  /** Its id on the present connection. */
  subscription: unknown;
  /** Attempts that failed since it was last open. */
  attempt = 0;

  readonly path: string;
  #input: object | undefined;
  readonly #options: WatchOptions<unknown>;
  #lastEventId: string | undefined;
  #state: WatchState | undefined;

  constructor(path: string, input: object | undefined, options: WatchOptions<unknown>) {
    this.path = path;
    this.#input = input;
    this.#options = options;
  }

  /** The input, with the id of the last event, after which to resume. */
  get params(): object | undefined {
    return this.#lastEventId === undefined ? this.#input : { ...this.#input, lastEventId: this.#lastEventId };
  }

  event(event: unknown): void {
    const id = (event as { id?: unknown } | null)?.id;
    if (typeof id === "string") this.#lastEventId = id;
    notify(this.#options.onEvent, event);
  }

  /** Forgets the last event, so that the next subscription begins with `ready`. False if there was none yet. */
  restart(): boolean {
    if (this.#lastEventId === undefined) return false;
    this.#lastEventId = undefined;
    this.#input = { ...this.#input, lastEventId: undefined };
    return true;
  }

  change(state: WatchState, error?: ClusterdeskError): void {
    if (state === this.#state || this.#state === "closed") return;
    this.#state = state;
    notify(this.#options.onStateChange, state, error);
  }

  retry(retry: WatchRetry): void {
    this.change("reconnecting", retry.error);
    notify(this.#options.onRetry, retry);
  }

  end(error?: ClusterdeskError): void {
    if (error !== undefined) notify(this.#options.onError, error);
    this.change("closed", error);
  }
}

/** Calls a listener. What it throws is reported like an error in an event handler, and does not stop the others. */
function notify<A extends unknown[]>(listener: ((...args: A) => void) | undefined, ...args: A): void {
  try {
    listener?.(...args);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
