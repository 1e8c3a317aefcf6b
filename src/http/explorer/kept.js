// Calls that are kept in this browser: those with a name, and the history of those that were made. A call is a procedure and an
// input, never a token or an answer.

import { settings } from "./settings.js";
import { holdsToken, store } from "./store.js";

const HISTORY = "history";
const SAVED = "saved";
/** The most calls that the history holds. */
const LONGEST = 200;
/** Longer inputs, in characters of JSON, are not kept in the history. */
const LARGEST = 10_000;

/** The calls that were made, newest first: `{method, input, time}`. */
export function history() {
  return read(HISTORY);
}

/** The calls with a name, newest first: `{name, method, input, time}`. */
export function saved() {
  return read(SAVED).filter(({ name }) => typeof name === "string");
}

/** Adds a call to the history, unless that is switched off. A repeated call moves to the top. */
export function remember(method, input = {}) {
  if (!settings().keepsHistory || JSON.stringify(input).length > LARGEST) return;
  const call = { method, input, time: new Date().toISOString() };
  store.write(HISTORY, [call, ...history().filter((other) => !isSame(other, call))].slice(0, LONGEST));
}

/** Saves a call; one of the same name is replaced. Returns whether it is kept. */
export function save(name, method, input = {}) {
  const call = { name, method, input, time: new Date().toISOString() };
  return store.write(SAVED, [call, ...saved().filter((other) => other.name !== name)]);
}

export function removeSaved(name) {
  return store.write(
    SAVED,
    saved().filter((call) => call.name !== name),
  );
}

export function removeFromHistory(call) {
  return store.write(
    HISTORY,
    history().filter((other) => !isSame(other, call)),
  );
}

export function clearHistory() {
  return store.write(HISTORY, []);
}

/** Whatever else is in the storage is left out, as is an input that turned out to be a token. */
function read(key) {
  const kept = store.read(key, []);
  return Array.isArray(kept) ? kept.filter((call) => isCall(call) && !holdsToken(call)) : [];
}

function isCall(call) {
  const { method, input, time } = call ?? {};
  const isInput = typeof input === "object" && input !== null && !Array.isArray(input);
  return typeof method === "string" && isInput && !Number.isNaN(Date.parse(time));
}

function isSame(one, other) {
  return one.method === other.method && JSON.stringify(one.input) === JSON.stringify(other.input);
}
