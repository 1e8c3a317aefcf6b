// Calls that leave before the page's script is there: who is signed in, and what the URL's tab shows first. A script so small that it
// runs while the other is still being compiled sends them, and that one takes their responses over.

import { firstOf, keyOf } from "./early.js";

/** The responses that nobody has taken, by call. Both scripts have it in common. */
const shared = /** @type {{ahead?: Map<string, Promise<Response>>}} */ (globalThis);

/** Sends the calls, by the cookie of this browser, unless the page's script was faster. */
export function sendAhead() {
  if (shared.ahead !== undefined) return;
  shared.ahead = new Map();
  const first = firstOf(location.hash);
  for (const [method, params] of [["user.me", undefined], ...(first ? [first] : [])]) {
    const response = fetch(new URL("../", import.meta.url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 0, method, params }),
      cache: "no-store",
    });
    // Whoever takes it hears of its failure.
    response.catch(() => {});
    shared.ahead.set(keyOf(method, params), response);
  }
}

/** The response to a call that was sent ahead, once. Undefined if there is none. */
export function takeAhead(method, params) {
  shared.ahead ??= new Map();
  const key = keyOf(method, params);
  const response = shared.ahead.get(key);
  shared.ahead.delete(key);
  return response;
}
