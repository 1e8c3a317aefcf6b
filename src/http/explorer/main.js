// Starts the page: loads the OpenRPC document, and shows the view that the URL names.

import { showAccess } from "./access.js";
import { resumeSession, startAccount } from "./account.js";
import { showBatch } from "./batch-page.js";
import { showCalls } from "./calls.js";
import { showCluster } from "./cluster-page.js";
import { showDashboard } from "./dashboard.js";
import { byId, el } from "./dom.js";
import { placeOf } from "./early.js";
import { startEnvironments } from "./environments.js";
import { showEnvironments } from "./environments-page.js";
import { failureBox } from "./failure.js";
import { startMoments } from "./moment.js";
import { markCurrent, startNavigation } from "./navigation.js";
import { showOverview } from "./overview.js";
import { showProcedure } from "./procedure.js";
import { loadRegistry } from "./registry.js";
import { ROOT } from "./rpc.js";
import { store } from "./store.js";
import { startSwitcher } from "./switcher.js";
import { startTheme } from "./theme.js";
import { showUser } from "./user-page.js";

const main = byId("main");
let leave = () => {};

startTheme();
startMoments();
startEnvironments();
startSwitcher();
startAccount();
byId("skip").addEventListener("click", (event) => {
  // The URL's fragment names the view, so the link must not change it.
  event.preventDefault();
  main.focus();
});
addEventListener("beforeunload", () => store.leave(placeOf(location.hash), ROOT.pathname));
await start();

async function start() {
  main.replaceChildren(el("p", { class: "loading" }, "Loading the procedures…"));
  let registry;
  try {
    [registry] = await Promise.all([loadRegistry(), resumeSession()]);
  } catch (error) {
    main.replaceChildren(el("h1", {}, "The procedures could not be loaded"), failureBox(error, { retry: start }));
    return;
  }
  startNavigation(registry);
  show(registry);
  addEventListener("hashchange", () => {
    if (location.hash !== "" && !location.hash.startsWith("#/")) return;
    show(registry);
    focusHeading();
  });
}

/**
 * `#/` is the overview, `#/dashboard/users?search=x` and `#/access/tokens` are tabs, `#/user/user_1` and `#/cluster/1` are pages about
 * things, `#/k8s.create` is a procedure, and `#/k8s.create?input=%7B%7D` the same with its form filled in.
 */
function show(registry) {
  leave();
  const [path, ...rest] = location.hash.replace(/^#\/?/, "").split("?");
  const query = new URLSearchParams(rest.join("?"));
  const [place, tab] = path.split("/").map(decode);
  const procedure = registry.byName.get(place);
  if (place === "") leave = showOverview(main, registry);
  else if (place === "dashboard") leave = showDashboard(main, registry, tab, query);
  else if (place === "access") leave = showAccess(main, registry, tab, query);
  else if (place === "user" && tab) leave = showUser(main, tab);
  else if (place === "cluster" && tab) leave = showCluster(main, tab);
  else if (place === "calls") leave = showCalls(main);
  else if (place === "batch") leave = showBatch(main, registry);
  else if (place === "environments") leave = showEnvironments(main);
  else if (procedure) leave = showProcedure(main, registry, procedure, query);
  else leave = showNotFound(place);
  const title = main.querySelector("h1")?.textContent ?? "";
  document.title = place === "" ? "clusterdesk" : `${title} – clusterdesk`;
  markCurrent();
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function showNotFound(place) {
  main.replaceChildren(
    el("h1", { tabindex: "-1" }, "Not found"),
    el("p", {}, `There is no procedure called ${place}. `, el("a", { href: "#/" }, "See all procedures.")),
  );
  return () => {};
}

/** Moves the focus to the heading of the new view. */
function focusHeading() {
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}
