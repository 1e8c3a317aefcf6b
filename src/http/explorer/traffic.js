// The dashboard's traffic: the calls of the last hour, as this server has counted them.

import { chart } from "./chart.js";
import { announce, el, uniqueId } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { arrange, keepFocus } from "./focus.js";
import { createGathering } from "./gather.js";
import { isBeingRead, renewWhileSeen } from "./renewal.js";
import { call } from "./rpc.js";
import { counts, milliseconds } from "./scale.js";

const ALL = "";

/** Shows the tab in `node`. Returns a function that stops it. */
export function showTraffic(node, registry, query) {
  const id = uniqueId("procedure");
  const choice = el("select", { id }, el("option", { value: ALL }, "All procedures"));
  choice.append(...[...registry.byName.keys(), "unknown"].map((name) => el("option", { value: name }, name)));
  choice.value = query.get("procedure") ?? ALL;
  if (choice.selectedIndex < 0) choice.value = ALL;
  const refresh = el("button", { type: "button", on: { click: () => load() } }, "Refresh");
  const field = el("div", { class: "field" }, el("label", { for: id }, "Procedure"), choice);
  const heading = el("h2", {}, "The last hour");
  const body = el("div", { class: "stack" }, el("p", { class: "loading" }, "Loading…"));
  const note = el(
    "p",
    { class: "help" },
    "Calls that this server has answered. Other servers count theirs, and a restart begins anew.",
  );
  const form = el("div", { class: "filters" }, field, el("div", { class: "buttons" }, refresh));
  node.replaceChildren(el("div", { class: "stack" }, form, el("div", {}, heading, note), body));
  const changes = createGathering(() => load({ isQuiet: true }));
  const stopRenewal = renewWhileSeen(() => changes.ask());
  let loads = 0;

  choice.addEventListener("change", () => {
    const name = choice.value === ALL ? "" : `?${new URLSearchParams({ procedure: choice.value })}`;
    // So that the address leads to what is shown. It does not load the page anew.
    history.replaceState(null, "", `#/dashboard/traffic${name}`);
    load();
  });

  async function load({ isQuiet = false } = {}) {
    // Somebody waits for a load that is running.
    if (isQuiet && body.hasAttribute("aria-busy")) return changes.ask();
    loads += 1;
    const load = loads;
    if (!isQuiet) body.setAttribute("aria-busy", "true");
    const procedure = choice.value;
    try {
      const { result } = await call("admin.traffic", procedure === ALL ? {} : { procedure });
      if (load !== loads) return;
      const shown = [...body.querySelectorAll(".chart")];
      const charts = isQuiet && shown.some(isBeingRead) ? body.firstElementChild : pictures(result, procedure);
      keepFocus(body, () => arrange(body, [charts, table(result.procedures)]));
      if (!isQuiet && body.isConnected) announce(`Traffic of ${procedure === ALL ? "all procedures" : procedure}`);
    } catch (error) {
      // What is shown stays until the server has time.
      if (load !== loads || (isQuiet && changes.askAfter(error))) return;
      body.replaceChildren(failureBox(error, { retry: reload }));
      announce(failureSentence(error));
    }
    body.removeAttribute("aria-busy");
  }

  const reload = () => void load();
  load();
  return () => {
    loads += 1;
    stopRenewal();
    changes.stop();
  };
}

function pictures({ at, calls, errors, p50Ms, p99Ms }, procedure) {
  const note = procedure === ALL ? "All procedures" : procedure;
  const fine = calls.map((all, minute) => all - errors[minute]);
  const answered = chart({
    title: "Calls by minute",
    note,
    at,
    bucket: "minute",
    kind: "bars",
    format: counts,
    lines: [
      { label: "Answered", values: fine, tone: "tone-0" },
      { label: "Errors", values: errors, tone: "tone-4" },
    ],
  });
  const times = chart({
    title: "Time to an answer",
    note,
    at,
    bucket: "minute",
    kind: "lines",
    format: milliseconds,
    lines: [
      { label: "Half within", values: p50Ms, tone: "tone-0" },
      { label: "99 % within", values: p99Ms, tone: "tone-1" },
    ],
  });
  return el("div", { class: "charts" }, answered, times);
}

/** A cell of a table that becomes cards on a narrow screen. */
const cell = (title, ...content) => el("td", { role: "cell", "data-label": title }, el("div", {}, content));

function table(procedures) {
  if (procedures.length === 0) return el("p", { class: "empty" }, "Nothing was called in this hour.");
  const titles = ["Procedure", "Calls", "Errors", "Half within", "99 % within"];
  const heads = titles.map((title) => el("th", { scope: "col", role: "columnheader" }, title));
  const row = ({ procedure, calls, errors, p50Ms, p99Ms }) =>
    el(
      "tr",
      { role: "row" },
      cell(titles[0], el("a", { class: "code cut wide", title: procedure, href: link(procedure) }, procedure)),
      cell(titles[1], counts.long(calls)),
      cell(titles[2], counts.long(errors)),
      cell(titles[3], milliseconds.long(p50Ms)),
      cell(titles[4], milliseconds.long(p99Ms)),
    );
  const content = el(
    "table",
    { role: "table", "aria-label": "By procedure", class: "numbers" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads)),
    el("tbody", { role: "rowgroup" }, procedures.map(row)),
  );
  return el("div", { class: "table" }, content);
}

const link = (procedure) => `#/dashboard/traffic?${new URLSearchParams({ procedure })}`;
