// Calls over JSON-RPC 2.0, to the server that this page came from.

import { session } from "./session.js";

/** Where the server answers. The page may be mounted below a prefix by a proxy. */
export const ROOT = new URL("../", import.meta.url);

/** A call that failed: refused by the server, or never answered. */
export class CallError extends Error {
  /** From a JSON-RPC error object. */
  constructor({ code, message, data = {} }) {
    super(message);
    this.number = code;
    /** The word that programs switch on. */
    this.code = data.code ?? "UNKNOWN";
    this.httpStatus = data.httpStatus ?? null;
    this.requestId = data.requestId ?? null;
    this.issues = data.issues ?? [];
    this.retryAfterMs = data.retryAfterMs ?? null;
    this.object = { code, message, data };
  }

  /** An error that did not come from the server. */
  static local(code, message) {
    return new CallError({ code: 0, message, data: { code } });
  }
}

let lastId = 0;

/**
 * Calls a procedure. Resolves with `{result, requestId, ms, remaining, limit}`.
 * @throws {CallError}
 * @throws {DOMException} AbortError when `signal` says so.
 */
export async function call(method, params, { token = session.token, signal } = {}) {
  lastId += 1;
  const headers = { "content-type": "application/json" };
  if (token !== "") headers.authorization = `Bearer ${token}`;
  const body = JSON.stringify({ jsonrpc: "2.0", id: lastId, method, params });
  const begun = performance.now();
  let response, text;
  try {
    response = await fetch(ROOT, { method: "POST", headers, body, signal, cache: "no-store", credentials: "omit" });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw CallError.local("UNREACHABLE", "The server can't be reached.");
  }
  const ms = performance.now() - begun;
  const answer = parse(text);
  if (answer?.error) throw new CallError(answer.error);
  if (answer === null || !("result" in answer)) {
    throw CallError.local("UNREADABLE", `The server answered ${response.status} with something that is no JSON-RPC.`);
  }
  const header = (name) => response.headers.get(name);
  return {
    result: answer.result,
    requestId: header("x-request-id"),
    remaining: header("x-ratelimit-remaining"),
    limit: header("x-ratelimit-limit"),
    ms,
  };
}

function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
