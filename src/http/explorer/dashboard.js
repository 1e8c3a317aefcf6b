// The dashboard: its tabs, and what a user without the admin role sees instead.

import { showAudit } from "./audit.js";
import { showClusters } from "./clusters.js";
import { showHealth } from "./health-page.js";
import { session } from "./session.js";
import { showStats } from "./stats.js";
import { showStripe } from "./stripe-page.js";
import { showTabs } from "./tabs.js";
import { showTraffic } from "./traffic.js";
import { showUsers } from "./users.js";

const DASHBOARD = {
  place: "dashboard",
  title: "Dashboard",
  tabs: [
    { id: "stats", title: "Stats", show: showStats },
    { id: "users", title: "Users", show: showUsers },
    { id: "clusters", title: "Clusters", show: showClusters },
    { id: "audit", title: "Audit log", show: showAudit },
    { id: "traffic", title: "Traffic", show: showTraffic },
    { id: "stripe", title: "Stripe", show: showStripe },
    { id: "health", title: "Health", show: showHealth },
  ],
  refusal() {
    if (session.isAdmin) return null;
    return session.user
      ? "The dashboard is for admins. You are signed in as a user."
      : "The dashboard is for admins. Sign in with an admin's token.";
  },
};

/** Shows a tab, with its filters from the URL. Returns a function that stops it. */
export function showDashboard(main, registry, tabId, query) {
  return showTabs(main, registry, DASHBOARD, tabId, query);
}
