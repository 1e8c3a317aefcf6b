// The calls that wait to be sent in one batch. They are kept in memory only, for as long as the page is open.

import { newKey } from "./client.js";
import { remember } from "./kept.js";
import { callAll } from "./rpc.js";

/** The most calls that the server takes in one batch. */
export const LARGEST = 50;

/**
 * `{method, kind, input, key, state, result, error, isStored}`. A call is "waiting", "sent", "done", "failed", or "unknown" without
 * an answer.
 */
let calls = [];
/** Ends the sending; null while nothing is sent. */
let sending = null;
/** What came of the last time: `{ms, headers}`, or `{error}` if the batch as a whole was refused or no answer came. */
let outcome = null;
const listeners = new Set();

export const batch = {
  get calls() {
    return calls;
  },
  get isSending() {
    return sending !== null;
  },
  get outcome() {
    return outcome;
  },
  /** Adds a call of a procedure. Returns whether there was room. */
  add({ name, kind }, input) {
    if (calls.length >= LARGEST) return false;
    calls = [...calls, { method: name, kind, input, state: "waiting" }];
    tell();
    return true;
  },
  remove(call) {
    calls = calls.filter((other) => other !== call);
    tell();
  },
  clear() {
    calls = [];
    outcome = null;
    tell();
  },
  cancel() {
    sending?.abort();
  },
  /** Sends all calls, and waits for the answers. */
  async send() {
    const sent = calls;
    sending = new AbortController();
    for (const call of sent) {
      // A mutation whose outcome is unknown is repeated with its key, so it is not executed twice.
      if (call.kind === "mutation" && call.state !== "unknown") call.key = newKey();
      Object.assign(call, { state: "sent", result: undefined, error: undefined, isStored: false });
      remember(call.method, call.input);
    }
    tell();
    try {
      const messages = sent.map(({ method, input, key }) => ({ method, params: input, key }));
      const { answers, ms, headers } = await callAll(messages, { signal: sending.signal });
      answers.forEach((answer, index) => {
        Object.assign(sent[index], answer, { state: stateAfter(answer.error) });
      });
      outcome = { ms, headers };
    } catch (error) {
      // After a refusal by the server nothing was executed.
      for (const call of sent) call.state = error.object ? "waiting" : "unknown";
      outcome = { error };
    }
    sending = null;
    tell();
    return outcome;
  },
  /** Calls `listener` after every change. Returns a function that stops this. */
  onChange(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

function stateAfter(error) {
  if (error === undefined) return "done";
  return error.outcome === "unknown" ? "unknown" : "failed";
}

function tell() {
  for (const listener of [...listeners]) listener();
}
