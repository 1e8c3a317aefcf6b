// Calls that are made before they are needed: what a tab of the dashboard shows first is asked for together with who is signed in, so
// that it is there a round trip sooner.

const PAGE = { order: "desc", limit: 20, total: true };

/** What the tabs call first, without filters. */
const FIRST = {
  "dashboard/users": ["admin.listUsers", { sort: "createdAt", ...PAGE }],
  "dashboard/clusters": ["admin.listClusters", PAGE],
  "dashboard/audit": ["admin.auditLog", PAGE],
  "dashboard/stripe": ["admin.webhookEvents", PAGE],
};

/** The answers that are on the way, by procedure and input. */
const early = new Map();

/** A text that is the same for the same call. */
export const keyOf = (method, params) => `${method} ${JSON.stringify(params)}`;

/** What the tab of a URL with this fragment calls first, `[method, params]`. Undefined for other places. */
export const firstOf = (hash) => FIRST[hash.replace(/^#\//, "")];

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
