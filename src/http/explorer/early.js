// Calls that are made before they are needed: what a tab of the dashboard shows first is asked for together with who is signed in, so
// that it is there a round trip sooner.

/** What the tabs call first, without filters. The server reads this file too, for the answers that come with the page. */
import FIRST from "./first.json" with { type: "json" };

/** The answers that are on the way, by procedure and input. */
const early = new Map();

/** A text that is the same for the same call. */
export const keyOf = (method, params) => `${method} ${JSON.stringify(params)}`;

/** The name of the tab of a URL with this fragment, if it is one that calls something first; else empty. */
export function placeOf(hash) {
  const place = hash.replace(/^#\//, "");
  return Object.hasOwn(FIRST, place) ? place : "";
}

/** What that tab calls first, `[method, params]`. Undefined for other places. */
export const firstOf = (hash) => FIRST[placeOf(hash)];

/** Asks for what the URL's tab shows first, by `send(method, params)`. */
export function askEarly(hash, send) {
  const first = firstOf(hash);
  if (first === undefined) return;
  const answer = send(...first);
  // A refusal is no answer to somebody who signs in later.
  answer.catch(() => early.clear());
  early.set(keyOf(...first), answer);
}

/** The answer to a call that was made early, once. Undefined if there is none. */
export function takeEarly(method, params) {
  const answer = early.get(keyOf(method, params));
  // What is left was for another tab, or was asked with other rights, and grows old.
  early.clear();
  return answer;
}
