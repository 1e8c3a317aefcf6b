// The page that a sign-in link opens, and where a browser comes that an identity provider has not signed in. Nothing is used up until the button is pressed, so programs that look at links do no harm.
// The link's secret is in the fragment of the URL, which is never sent, and leaves the address bar at once.

import { byId, el } from "./dom.js";
import { failureBox, requestLine } from "./failure.js";
import { providerRow } from "./provider.js";
import { ROOT, tell } from "./rpc.js";
import { startTheme } from "./theme.js";

/** What the server's words for a failure mean. */
const FAILURES = new Map([
  ["account", "This account can't sign in here: it was deleted, or its id is reserved."],
  ["declined", "The identity provider did not let you in."],
  ["failed", "The server could not sign you in. Try again."],
  ["limit", "There were too many attempts from your address. Wait a minute, then try again."],
  ["rejected", "The answer of the identity provider could not be verified. The server's log says why."],
  ["stale", "This sign-in was begun in another browser or too long ago, or has ended already. Begin again."],
  ["unavailable", "The identity provider can't be reached. Try again later."],
]);

/** What may be wrong if the server leads here instead of to the provider. */
const SENT_BACK =
  "If the button leads back to this page, the server is not told at which host it was called. A proxy in front of it must pass the header Host unchanged, and OIDC_REDIRECT_URL must have the same host as this page.";

const button = byId("sign-in");
const link = location.hash.slice(1);
const query = new URLSearchParams(location.search);
history.replaceState(null, "", location.pathname);

startTheme();
if (link === "") {
  byId("text").textContent =
    "Open the link that the server printed when it started, or run clusterdesk console-link to get one.";
  button.hidden = true;
  byId("outcome").before(providerRow("You come back here from its page."));
  if (wasSentHere()) byId("outcome").replaceChildren(el("div", { class: "notice info" }, el("p", {}, SENT_BACK)));
}
if (query.has("failed")) {
  const sentence = FAILURES.get(query.get("failed")) ?? "You were not signed in.";
  const request = query.get("request") ?? "";
  const line = /^[0-9a-f-]{36}$/.test(request) ? requestLine(request) : null;
  byId("outcome").replaceChildren(el("div", { class: "notice bad" }, el("p", {}, sentence), line));
}
button.addEventListener("click", async () => {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  byId("outcome").replaceChildren(el("p", { class: "loading" }, "Signing in…"));
  try {
    await tell("sign-in", { link });
    location.replace(ROOT.href);
  } catch (error) {
    byId("outcome").replaceChildren(failureBox(error));
    button.removeAttribute("aria-disabled");
  }
});

/**
 * Whether an address of this server has led here, which is that of the button: it was opened at another host than the server expects,
 * or from a page of another site.
 */
function wasSentHere() {
  const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  return navigation?.redirectCount > 0;
}
