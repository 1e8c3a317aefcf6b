// Calls that leave before the page's script is there: who is signed in, and what the URL's tab shows first. A script so small that it
// runs while the other is still being compiled sends them, and that one takes their responses over. What the server has answered within
// the page, by the cookie of this browser, is not asked again.

import { firstOf, keyOf } from "./early.js";

/** The responses that nobody has taken, by call. Both scripts have it in common. */
const shared = /** @type {{ahead?: Map<string, Promise<Response>>}} */ (globalThis);

/** Sends the calls, by the cookie of this browser, unless the page's script was faster. */
export function sendAhead() {
  if (shared.ahead !== undefined) return;
  shared.ahead = given();
  for (const [method, params] of wanted()) {
    if (shared.ahead.has(keyOf(method, params))) continue;
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

/** What the URL's place needs first. */
function wanted() {
  const first = firstOf(location.hash);
  return [["user.me", undefined], ...(first ? [first] : [])];
}

/** The answers that came with the page. What this place does not need would be old when it is needed. */
function given() {
  const place = document.getElementById("answers");
  const { bound = false, calls = [], answers = [] } = JSON.parse(place?.textContent || "{}");
  // They are read once, and must not be in the page that is left when somebody signs out.
  place?.replaceChildren();
  const found = new Map();
  // A page without TLS can plant a cookie that is not bound to this host. The server can't see that this page has TLS.
  if (location.protocol === "https:" && !bound) return found;
  const keys = new Set(wanted().map(([method, params]) => keyOf(method, params)));
  for (const [index, [method, params]] of calls.entries()) {
    const key = keyOf(method, params ?? undefined);
    // A refusal may have passed already.
    if (!keys.has(key) || answers[index]?.result === undefined) continue;
    found.set(key, Promise.resolve(new Response(JSON.stringify(answers[index]))));
  }
  return found;
}

/** The response to a call that was sent ahead, once. Undefined if there is none. */
export function takeAhead(method, params) {
  shared.ahead ??= given();
  const key = keyOf(method, params);
  const response = shared.ahead.get(key);
  shared.ahead.delete(key);
  return response;
}
