import { PendingCall, type Sending } from "./call.js";
import { isMessage, type Message } from "./message.js";

/** The most entries of a batch that the server accepts. */
const ENTRIES = 50;
/** The most bytes of a request. The server accepts one mebibyte. */
const BYTES = 1_000_000;

/** Sends a request body and returns the JSON of the response. */
export type Post = (body: string, signal: AbortSignal) => Promise<unknown>;

/** Sends the calls that are made within one tick in as few requests as the limits allow. */
export class Batcher {
  readonly #post: Post;
  #waiting: PendingCall[] = [];

  constructor(post: Post) {
    this.#post = post;
  }

  async call(path: string, input: unknown, sending: Sending = {}): Promise<unknown> {
    const call = new PendingCall(path, input, sending);
    if (this.#waiting.length === 0) setTimeout(() => this.#flush(), 0);
    this.#waiting.push(call);
    return call.promise;
  }

  #flush(): void {
    const calls = this.#waiting.filter((call) => !call.done);
    this.#waiting = [];
    for (const batch of split(calls)) void this.#send(batch);
  }

  async #send(calls: PendingCall[]): Promise<void> {
    const abort = new AbortController();
    for (const call of calls) {
      // The request is aborted when every call in it has been.
      call.onAbort = () => calls.every((other) => other.done) && abort.abort();
    }
    const texts = calls.map((call) => call.text);
    try {
      const body = await this.#post(texts.length === 1 ? texts.join() : `[${texts.join()}]`, abort.signal);
      deliver(calls, body);
    } catch (error) {
      for (const call of calls) call.fail(error);
    }
  }
}

function* split(calls: PendingCall[]): Generator<PendingCall[]> {
  let batch: PendingCall[] = [];
  let bytes = 0;
  for (const call of calls) {
    const size = new TextEncoder().encode(call.text).length + 1;
    if (batch.length === ENTRIES || (batch.length > 0 && bytes + size > BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(call);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** Hands each call the response with its id. */
function deliver(calls: PendingCall[], body: unknown): void {
  // A single error object means that the server refused the request as a whole.
  if (isMessage(body) && body.error !== undefined) {
    for (const call of calls) call.answer(body);
    return;
  }
  const answers = (Array.isArray(body) ? body : [body]).filter(isMessage);
  const byId = new Map<unknown, Message>(answers.map((answer) => [answer.id, answer]));
  for (const call of calls) call.answer(byId.get(call.id));
}
