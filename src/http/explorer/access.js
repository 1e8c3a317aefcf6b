// How the signed-in user gets in: their tokens, and the browsers in which they are signed in.

import { session } from "./session.js";
import { showSessions } from "./sessions.js";
import { showTabs } from "./tabs.js";
import { showTokens } from "./tokens.js";

const ACCESS = {
  place: "access",
  title: "Access",
  tabs: [
    { id: "tokens", title: "Tokens", show: showTokens },
    { id: "sessions", title: "Sessions", show: showSessions },
  ],
  refusal: () => (session.user ? null : "Your tokens and sessions are shown here once you are signed in."),
};

/** Shows a tab, with its filters from the URL. Returns a function that stops it. */
export function showAccess(main, registry, tabId, query) {
  return showTabs(main, registry, ACCESS, tabId, query);
}
