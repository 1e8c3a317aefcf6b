import { failure, malformed, request, type Message } from "./message.js";

let lastId = 0;

/** A call that waits for its answer. */
export class PendingCall {
  readonly id = ++lastId;
  readonly text: string;
  /** Settles with the answer, or with the signal's reason as soon as it aborts. */
  readonly promise: Promise<unknown>;
  /** Called when the caller no longer wants the answer. */
  onAbort: (() => void) | undefined;
  /** Whether the promise is settled. */
  done = false;

  readonly #path: string;
  #resolve!: (output: unknown) => void;
  #reject!: (reason: unknown) => void;

  constructor(path: string, input: unknown, signal: AbortSignal | undefined) {
    this.#path = path;
    this.text = request(this.id, path, input);
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

  /** Takes the answer with this call's id; undefined when there was none. */
  answer(message: Message | undefined): void {
    if (message === undefined)
      return this.fail(malformed("The server left the call unanswered.", { path: this.#path }));
    const error = failure(message, this.#path);
    if (error !== undefined) return this.fail(error);
    if (!("result" in message))
      return this.fail(malformed("The answer has neither result nor error.", { path: this.#path }));
    this.#resolve(message.result);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}
