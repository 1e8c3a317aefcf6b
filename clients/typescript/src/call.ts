import { type Message, outcome, request } from "./message.js";

let lastId = 0;

/** How a call is sent. */
export interface Sending {
  signal?: AbortSignal | undefined;
  idempotencyKey?: string | undefined;
}

/** A call that waits for its response. */
export class PendingCall {
  readonly id = ++lastId;
  /** The request. */
  readonly text: string;
  /** Settles with the outcome of the call, or with the signal's reason as soon as it aborts. */
  readonly promise: Promise<unknown>;
  /** Called when the signal aborts. */
  onAbort: (() => void) | undefined;
  /** Whether the promise is settled. */
  done = false;

  readonly #path: string;
  #resolve!: (output: unknown) => void;
  #reject!: (reason: unknown) => void;

  constructor(path: string, input: unknown, { signal, idempotencyKey }: Sending) {
    this.#path = path;
    this.text = request(this.id, path, input, idempotencyKey);
    this.promise = new Promise((resolve, reject) => {
      const settle =
        <T>(act: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener("abort", abort);
          this.done = true;
          act(value);
        };
      this.#resolve = settle(resolve);
      this.#reject = settle(reject);
    });
    const abort = () => {
      this.#reject(signal?.reason);
      this.onAbort?.();
    };
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort);
  }

  /** Settles the call with the response that has its id; undefined if the server sent none. */
  answer(response: Message | undefined): void {
    try {
      this.#resolve(outcome(response, this.#path));
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}
