// The charts of the dashboard's first tab, for a time that one chooses.

import { chart } from "./chart.js";
import { announce, el, uniqueId } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { arrange } from "./focus.js";
import { isBeingRead } from "./renewal.js";
import { counts, money } from "./scale.js";
import { lastDays, lastMonths, loadSeries, sums } from "./series.js";

const RANGES = [
  { days: 30, title: "30 days" },
  { days: 90, title: "90 days" },
  { days: 365, title: "A year" },
];

/** Lines that are drawn of one chart; the others are one. */
const LINES = 7;

/** Revenue is by month, whatever the range. */
const MONTHS = 12;

/** The order and the colours of lines that are the same in every chart. Others follow, in the order of their numbers. */
const TONES = new Map([
  ["FREE", "tone-5"],
  ["PRO", "tone-0"],
  ["BUSINESS", "tone-1"],
  ["PENDING", "tone-5"],
  ["CREATING", "tone-4"],
  ["INITING", "tone-1"],
  ["RUNNING", "tone-2"],
  ["STOPPED", "tone-3"],
]);

const CHARTS = [
  { metric: "signUps", title: "Sign-ups", kind: "bars", note: "New users" },
  { metric: "activeUsers", title: "Active users", kind: "bars", note: "Users who have changed something" },
  { metric: "clustersByPlan", title: "Clusters by plan", kind: "lines", note: "Active ones at the end of the day" },
  { metric: "clustersByStatus", title: "Clusters by status", kind: "lines", note: "Active ones at the end of the day" },
  {
    metric: "clustersByLocation",
    title: "Clusters by location",
    kind: "lines",
    note: "Active ones at the end of the day",
  },
  { metric: "changes", title: "Changes", kind: "bars", note: "Entries of the audit log" },
  { metric: "revenue", title: "Revenue", kind: "bars", note: `Paid invoices of the last ${MONTHS} months` },
  {
    metric: "webhookFailures",
    title: "Failed events",
    kind: "bars",
    note: "Stripe events that failed on arrival",
  },
];

/** Shows the charts in `node`, from `days` on. Returns `{load()}`. */
export function showCharts(node, days) {
  let range = RANGES.find((known) => known.days === days) ?? RANGES[0];
  let loads = 0;
  /** The series as they were loaded last, by metric. */
  const known = new Map();
  /** The charts that are shown, by metric. */
  const pictures = new Map();
  const id = uniqueId("charts");
  const buttons = RANGES.map((one) => {
    const button = el("button", { type: "button", class: "small" }, one.title);
    button.addEventListener("click", () => choose(one));
    return button;
  });
  const body = el("div", { class: "charts" }, el("p", { class: "loading" }, "Loading…"));
  const choice = el("div", { class: "choice", role: "group", "aria-label": "Time" }, buttons);
  const head = el("div", { class: "panel-head" }, el("h2", { id }, "Over time"), choice);
  node.replaceChildren(el("section", { class: "stack", "aria-labelledby": id }, head, body));
  press();

  function choose(one) {
    range = one;
    press();
    // So that the address leads to what is shown. It does not load the page anew.
    history.replaceState(null, "", `#/dashboard/stats?days=${range.days}`);
    load({ onlyRange: true });
  }

  function press() {
    buttons.forEach((button, index) => {
      button.setAttribute("aria-pressed", String(RANGES[index] === range));
    });
  }

  /** Loads all charts, or `onlyRange` those that depend on the time. If `isQuiet`, nobody has asked for it. */
  async function load({ onlyRange = false, isQuiet = false } = {}) {
    // Somebody waits for a load that this one would take the place of.
    if (isQuiet && body.hasAttribute("aria-busy")) return;
    loads += 1;
    const load = loads;
    if (!isQuiet) body.setAttribute("aria-busy", "true");
    const stays = ({ metric }) => onlyRange && metric === "revenue" && known.get(metric)?.result !== undefined;
    const asked = CHARTS.filter((plan) => !stays(plan));
    try {
      const { series } = await loadSeries(asked.map(({ metric }) => request(metric, range.days)));
      if (load !== loads) return;
      for (const [index, { metric }] of asked.entries()) known.set(metric, series[index]);
      arrange(
        body,
        CHARTS.flatMap((plan) => drawn(plan, isQuiet)),
      );
      if (!isQuiet && body.isConnected) announce(`Charts of ${range.title.toLowerCase()} are up to date`);
    } catch (error) {
      // What is shown stays until the next time.
      if (load !== loads || isQuiet) return;
      pictures.clear();
      body.replaceChildren(failureBox(error, { retry: reload }));
      announce(failureSentence(error));
    }
    body.removeAttribute("aria-busy");
  }

  /** The charts of a metric: the same ones while its numbers stay the same, or somebody reads them who asked for no others. */
  function drawn(plan, isQuiet) {
    const text = JSON.stringify([range.days, known.get(plan.metric)]);
    const before = pictures.get(plan.metric);
    const stays =
      before && (before.text === text || (isQuiet && before.days === range.days && before.nodes.some(isBeingRead)));
    if (stays) return before.nodes;
    const nodes = chartsOf(plan, known.get(plan.metric), reload);
    pictures.set(plan.metric, { text, days: range.days, nodes });
    return nodes;
  }

  const reload = () => void load();
  return { load };
}

function request(metric, days) {
  return metric === "revenue" ? lastMonths(metric, MONTHS) : lastDays(metric, days);
}

/** The charts of an answer: one, or for money one for each currency. */
function chartsOf({ metric, title, kind, note }, { result, error }, reload) {
  if (error !== undefined) return [nothing(title, note, failureBox(error, { retry: reload }))];
  const { at, lines } = result;
  if (lines.length === 0) return [nothing(title, note, el("p", { class: "empty" }, "Nothing in this time."))];
  if (metric !== "revenue") {
    return [chart({ title, note, at, lines: arranged(lines), bucket: "day", kind, format: counts })];
  }
  return currencies(lines).map(([currency, some]) =>
    chart({
      title: `${title} in ${currency}`,
      note,
      at,
      lines: arranged(some),
      bucket: "month",
      kind,
      format: money(currency),
    }),
  );
}

/** The place of a chart that can't be drawn. */
function nothing(title, note, content) {
  return el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, el("h3", {}, title), el("span", { class: "help" }, note)),
    content,
  );
}

/** The lines of revenue, `PRO USD`, by currency. */
function currencies(lines) {
  const byCurrency = new Map();
  for (const { label, values } of lines) {
    const [plan, currency] = label.split(" ");
    byCurrency.set(currency, [...(byCurrency.get(currency) ?? []), { label: plan, values }]);
  }
  return [...byCurrency];
}

/** The lines in their order, with the smallest ones added up. */
function arranged(lines) {
  const order = [...TONES.keys()];
  // The server has added up small locations, too.
  const place = ({ label }) =>
    label === "(others)" ? order.length + 1 : order.includes(label) ? order.indexOf(label) : order.length;
  const last = ({ values }) => values[values.length - 1];
  const sorted = [...lines].sort((one, other) => place(one) - place(other) || last(other) - last(one));
  const kept = sorted.slice(0, sorted.length > LINES + 1 ? LINES : LINES + 1);
  const rest = sorted.slice(kept.length);
  if (rest.length > 0) kept.push({ label: "Others", values: sums(rest) });
  return kept.map((line) => (TONES.has(line.label) ? { ...line, tone: TONES.get(line.label) } : line));
}
