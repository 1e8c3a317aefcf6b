// Calls over JSON-RPC 2.0, to the server that this page came from.

import { takeAhead } from "./ahead.js";
import {
  ClusterdeskError,
  failure,
  Live,
  newKey,
  outcome,
  post,
  REPETITIONS,
  repeat,
  request,
  Watcher,
} from "./client.js";
import { attendance } from "./presence.js";
import { session } from "./session.js";

/** The server's address. A proxy may have mounted the page below a prefix. */
export const ROOT = new URL("../", import.meta.url);

let lastId = 0;

/**
 * Calls a procedure. Resolves with `{result, ms, headers, isStored}`: the milliseconds until the whole answer was there, the
 * headers that the browser shows to the page, and whether it is the stored answer to an earlier one. A call that `mutates` is sent again with the same idempotency key if no answer
 * arrives.
 * @param {string} method
 * @param {object} [params]
 * @param {{token?: string, signal?: AbortSignal, mutates?: boolean}} [options]
 * @throws {ClusterdeskError} with the server's error object, if there is one, in `object`, and with `ms` and `headers`.
 * @throws {DOMException} AbortError when `signal` aborts.
 */
export async function call(method, params, { token = session.token, signal, mutates = false } = {}) {
  const key = mutates ? newKey() : undefined;
  return repeat(() => send(method, params, { token, signal, key }), mutates ? REPETITIONS : 0, signal);
}

async function send(method, params, { token, signal, key }) {
  lastId += 1;
  const ahead = token === "" ? takeAhead(method, params) : undefined;
  const { body, ms, headers } = await exchange(request(lastId, method, params, key), { token, signal, ahead });
  const isStored = body?.idempotencyReplayed === true || headers["idempotency-replayed"] === "true";
  return { result: resultOf(body, method, { ms, headers }), ms, headers, isStored };
}

/**
 * Calls procedures in one batch: `{method, params, key}` each, with an idempotency key for mutations. Resolves with
 * `{answers, ms, headers}`; there is one answer for each call, in their order, `{result, isStored}` or `{error}`.
 * @param {{method: string, params: object, key?: string}[]} calls
 * @param {{token?: string, signal?: AbortSignal}} [options]
 * @throws {ClusterdeskError} when the batch as a whole is refused.
 * @throws {DOMException} AbortError when `signal` aborts.
 */
export async function callAll(calls, { token = session.token, signal } = {}) {
  const first = lastId + 1;
  lastId += calls.length;
  const messages = calls.map(({ method, params, key }, index) => request(first + index, method, params, key));
  const { body, ms, headers } = await exchange(`[${messages.join(",")}]`, { token, signal });
  if (!Array.isArray(body)) {
    resultOf(body, "batch", { ms, headers });
    throw new ClusterdeskError("MALFORMED_RESPONSE", "The server did not answer with a batch.");
  }
  const byId = new Map(body.map((answer) => [answer?.id, answer]));
  const answers = calls.map(({ method }, index) => {
    const answer = byId.get(first + index);
    try {
      return { result: resultOf(answer, method, {}), isStored: answer.idempotencyReplayed === true };
    } catch (error) {
      return { error };
    }
  });
  return { answers, ms, headers };
}

/** Posts a message, unless its response is on the way. `ms` is the time until the whole answer was there. */
async function exchange(message, { token, signal, ahead = undefined }) {
  const started = performance.now();
  const fetcher = ahead === undefined ? fetchBy(token) : () => ahead;
  const reply = await post({ url: ROOT.href, token, headers: attendance(), fetch: fetcher }, message, signal).catch(
    (error) => {
      signal?.throwIfAborted();
      throw error;
    },
  );
  const ms = performance.now() - started;
  return { body: reply.body, ms, headers: Object.fromEntries(reply.headers) };
}

/**
 * Subscribes to a procedure, as the signed-in user. `listeners` are `{onEvent, onStateChange, onRetry}`. Returns the
 * `Watcher`, and a function that unsubscribes.
 */
export function watch(method, input, listeners) {
  const live = connection();
  const watcher = new Watcher(method, input, listeners);
  live.add(watcher);
  return { watcher, stop: () => live.remove(watcher) };
}

/** The same for several procedures, `[method, input, listeners]` each, over one connection. Returns a function that unsubscribes. */
export function watchAll(subscriptions) {
  const live = connection();
  const watchers = subscriptions.map(([method, input, listeners]) => new Watcher(method, input, listeners));
  for (const watcher of watchers) live.add(watcher);
  return () => {
    for (const watcher of watchers) live.remove(watcher);
  };
}

function connection() {
  const { token } = session;
  return new Live({ url: ROOT.href, token }, () => call("user.me", undefined, { token }));
}

/** Posts to one of the server's addresses that are no procedures. The browser is who it is about, so its cookie is sent. */
export async function tell(path, body) {
  const { href } = new URL(path, ROOT);
  const reply = await post({ url: href, fetch: fetchBy("") }, JSON.stringify(body));
  const error = failure(reply.body, path);
  if (error !== undefined) throw error;
}

/** With a token no cookies are sent: only the token says who calls. */
function fetchBy(token) {
  const credentials = token === "" ? "same-origin" : "omit";
  return (url, options) => fetch(url, { ...options, cache: "no-store", credentials });
}

function resultOf(response, method, facts) {
  try {
    return outcome(response, method);
  } catch (error) {
    throw Object.assign(error, { object: response?.error }, facts);
  }
}
