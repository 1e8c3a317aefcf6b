// The dashboard's tab about the server itself. Little of it is announced, so it is looked at again while somebody sees it.

import { announce, el } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { arrange, keepFocus } from "./focus.js";
import { createGathering } from "./gather.js";
import { healthSections, verdict } from "./health-facts.js";
import { pagedTable } from "./paged.js";
import { renewWhileSeen } from "./renewal.js";
import { call } from "./rpc.js";
import { loadFailures } from "./series.js";
import { wideSection } from "./thing.js";
import { trail } from "./trail.js";

/** Shows the tab in `node`. Returns a function that stops it. */
export function showHealth(node) {
  const refresh = el("button", { type: "button", on: { click: () => load() } }, "Check again");
  const body = el("div", { class: "thing many" }, el("p", { class: "loading" }, "Loading…"));
  node.replaceChildren(el("div", { class: "stack" }, el("div", { class: "buttons" }, refresh), body));
  /** It stays when the rest is made anew. */
  let removals;
  const table = (options) => {
    removals = pagedTable(options);
    return removals.node;
  };
  const last = wideSection(
    "Removals",
    trail(table, "Removals", { entity: "database" }, { empty: "Nothing old has been removed." }),
  );
  const changes = createGathering(() => load({ isQuiet: true }));
  const stopRenewal = renewWhileSeen(() => changes.ask());
  let loads = 0;
  /** What was said of the checks. */
  let said = "";
  load();
  return () => {
    loads += 1;
    stopRenewal();
    changes.stop();
  };

  async function load({ isQuiet = false } = {}) {
    if (refresh.getAttribute("aria-disabled") === "true") return;
    loads += 1;
    const own = loads;
    if (!isQuiet) {
      refresh.setAttribute("aria-disabled", "true");
      body.setAttribute("aria-busy", "true");
    }
    try {
      const [{ result }, pictures] = await Promise.all([call("admin.health"), loadPictures()]);
      if (own !== loads) return;
      keepFocus(body, () => arrange(body, [...healthSections(result, pictures), last]));
      if (own > 1) removals.refresh();
      const verdictNow = verdict(result.findings);
      if (!isQuiet || verdictNow !== said) announce(verdictNow);
      said = verdictNow;
    } catch (error) {
      if (own !== loads) return;
      // What is shown stays until the server has time.
      if (!isQuiet || !changes.askAfter(error)) {
        body.replaceChildren(failureBox(error, { retry: () => load() }));
        announce(failureSentence(error));
      }
    }
    body.removeAttribute("aria-busy");
    refresh.removeAttribute("aria-disabled");
  }
}

/** The numbers that have a picture. The page does without those that can't be had. */
async function loadPictures() {
  const traffic = call("admin.traffic").then(
    ({ result }) => result,
    () => null,
  );
  const [calls, failures] = await Promise.all([traffic, loadFailures()]);
  return { traffic: calls, failures };
}
