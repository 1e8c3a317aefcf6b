import type { ClusterdeskError } from "./error.js";

/**
 * `open`: events arrive as they happen. `reconnecting`: they don't, and will be made up for. `closed`: there will be no more.
 */
export type WatchState = "connecting" | "open" | "reconnecting" | "closed";

export interface WatchOptions<E> {
  onEvent?: ((event: E) => void) | undefined;
  /** Called once, with the error that ended the subscription. What passes by itself is only told to `onStateChange`. */
  onError?: ((error: ClusterdeskError) => void) | undefined;
  /** Told each new state, and the error that led to it where there is one. */
  onStateChange?: ((state: WatchState, error?: ClusterdeskError) => void) | undefined;
  /** Ends the subscription, without an error. */
  signal?: AbortSignal | undefined;
}

/** One subscription across all the connections that it lives through. */
export class Watcher {
  /** Its id on the present connection. */
  subscription: unknown;
  /** Refused attempts since it was open. */
  attempt = 0;

  readonly path: string;
  readonly #input: object | undefined;
  readonly #options: WatchOptions<unknown>;
  #lastEventId: string | undefined;
  #state: WatchState | undefined;

  constructor(path: string, input: object | undefined, options: WatchOptions<unknown>) {
    this.path = path;
    this.#input = input;
    this.#options = options;
  }

  /** The input, with the position to resume after. */
  get params(): object | undefined {
    return this.#lastEventId === undefined ? this.#input : { ...this.#input, lastEventId: this.#lastEventId };
  }

  event(event: unknown): void {
    const id = (event as { id?: unknown } | null)?.id;
    if (typeof id === "string") this.#lastEventId = id;
    tell(this.#options.onEvent, event);
  }

  change(state: WatchState, error?: ClusterdeskError): void {
    if (state === this.#state || this.#state === "closed") return;
    this.#state = state;
    tell(this.#options.onStateChange, state, error);
  }

  /** The last that is heard of it. */
  end(error?: ClusterdeskError): void {
    if (error !== undefined) tell(this.#options.onError, error);
    this.change("closed", error);
  }
}

/** Calls a listener. What it throws is its own affair: reported like the error of an event handler, and nobody's else. */
function tell<A extends unknown[]>(listener: ((...args: A) => void) | undefined, ...args: A): void {
  try {
    listener?.(...args);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
