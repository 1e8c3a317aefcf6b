// The dashboard: its tabs, and what a user without the admin role sees instead.

import { signIn } from "./account.js";
import { showAudit } from "./audit.js";
import { showClusters } from "./clusters.js";
import { el } from "./dom.js";
import { session } from "./session.js";
import { showStats } from "./stats.js";
import { showUsers } from "./users.js";

/** `show` may return a function that stops what runs in the tab. */
const TABS = [
  { id: "stats", title: "Stats", show: showStats },
  { id: "users", title: "Users", show: showUsers },
  { id: "clusters", title: "Clusters", show: showClusters },
  { id: "audit", title: "Audit log", show: showAudit },
];

/** Shows a tab, with its filters from the URL. Returns a function that stops it. */
export function showDashboard(main, registry, tabId, query) {
  const tab = TABS.find(({ id }) => id === tabId) ?? TABS[0];
  const body = el("div", {});
  const links = TABS.map(({ id, title }) =>
    el("li", {}, el("a", { href: `#/dashboard/${id}`, "aria-current": id === tab.id ? "page" : null }, title)),
  );
  const nav = el("nav", { "aria-label": "Dashboard", class: "tab-links" }, el("ul", {}, links));
  const heading = el("h1", { tabindex: "-1" }, "Dashboard: ", tab.title);
  let stop = null;
  const render = () => {
    stop?.();
    stop = null;
    if (!session.isAdmin) return body.replaceChildren(adminsOnly());
    body.replaceChildren(nav, el("div", {}));
    stop = tab.show(body.lastChild, registry, query);
  };
  main.replaceChildren(el("header", { class: "page-head" }, heading), body);
  render();
  const stopListening = session.onChange(render);
  return () => {
    stopListening();
    stop?.();
  };
}

function adminsOnly() {
  const text = session.user
    ? "The dashboard is for admins. You are signed in as a user."
    : "The dashboard is for admins. Sign in with an admin's token.";
  const button = session.user
    ? null
    : el("button", { type: "button", class: "primary", on: { click: signIn } }, "Sign in");
  return el("div", { class: "empty" }, el("p", {}, text), button);
}
