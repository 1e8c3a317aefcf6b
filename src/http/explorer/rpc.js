// Calls over JSON-RPC 2.0, to the server that this page came from.

import { Live, outcome, post, request, Watcher } from "./client.js";
import { session } from "./session.js";

/** The server's address. A proxy may have mounted the page below a prefix. */
export const ROOT = new URL("../", import.meta.url);

let lastId = 0;

/**
 * Calls a procedure. Resolves with `{result, requestId, remaining, limit, ms}`.
 * @param {string} method
 * @param {object} [params]
 * @param {{token?: string, signal?: AbortSignal}} [options]
 * @throws {ClusterdeskError} with the server's error object, if there is one, in `object`.
 * @throws {DOMException} AbortError when `signal` aborts.
 */
export async function call(method, params, { token = session.token, signal } = {}) {
  lastId += 1;
  const started = performance.now();
  const reply = await post({ url: ROOT.href, token, fetch: plainFetch }, request(lastId, method, params), signal).catch(
    (error) => {
      signal?.throwIfAborted();
      throw error;
    },
  );
  const ms = performance.now() - started;
  const header = (name) => reply.headers.get(name);
  return {
    result: resultOf(reply.body, method),
    requestId: header("x-request-id"),
    remaining: header("x-ratelimit-remaining"),
    limit: header("x-ratelimit-limit"),
    ms,
  };
}

/**
 * Subscribes to a procedure, as the signed-in user. `listeners` are `{onEvent, onStateChange, onRetry}`. Returns the
 * `Watcher`, and a function that unsubscribes.
 */
export function watch(method, input, listeners) {
  const { token } = session;
  const live = new Live({ url: ROOT.href, token }, () => call("user.me", undefined, { token }));
  const watcher = new Watcher(method, input, listeners);
  live.add(watcher);
  return { watcher, stop: () => live.remove(watcher) };
}

/** No cookies: only the token says who calls. */
function plainFetch(url, options) {
  return fetch(url, { ...options, cache: "no-store", credentials: "omit" });
}

function resultOf(response, method) {
  try {
    return outcome(response, method);
  } catch (error) {
    throw Object.assign(error, { object: response?.error });
  }
}
