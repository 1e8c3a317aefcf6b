// The dashboard's first tab: totals, charts, and the latest changes.

import { showCharts } from "./charts.js";
import { announce, el } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { keepFocus } from "./focus.js";
import { createGathering } from "./gather.js";
import { moment } from "./moment.js";
import { person, subject } from "./names.js";
import { renewWhileSeen } from "./renewal.js";
import { watch } from "./rpc.js";
import { counts, money } from "./scale.js";
import { lastDays, lastMonths, loadSeries, sums } from "./series.js";
import { captioned } from "./sparkline.js";

/** Each has a picture of something that makes its number rise or fall. */
const CARDS = [
  {
    key: "totalUsers",
    title: "Users",
    href: "#/dashboard/users",
    picture: { caption: "Sign-ups in 30 days", request: () => lastDays("signUps", 30) },
  },
  {
    key: "totalClusters",
    title: "Active clusters",
    href: "#/dashboard/clusters",
    picture: { caption: "Clusters in 30 days", request: () => lastDays("clustersByPlan", 30) },
  },
  {
    key: "activeSubscriptions",
    title: "Running subscriptions",
    href: null,
    picture: { caption: "Revenue in 12 months", request: () => lastMonths("revenue", 12) },
  },
  {
    key: "recentActivity",
    title: "Changes in 24 hours",
    href: "#/dashboard/audit",
    picture: { caption: "Changes by the hour", request: lastHours },
  },
];

/** Milliseconds from one load to the next, if something changes all the time: it takes several calls of the caller's limit. */
const APART = 10_000;
/** Charts are of days and months: they change slowly. */
const CHARTS_EVERY = 120_000;

/** Shows the tab in `node`. Returns a function that stops it. */
export function showStats(node, _registry, query) {
  const refresh = el("button", { type: "button", on: { click: () => load() } }, "Refresh");
  const [top, middle, bottom] = [
    el("div", {}, el("p", { class: "loading" }, "Loading…")),
    el("div", {}),
    el("div", {}),
  ];
  const buttons = el("div", { class: "buttons" }, refresh);
  node.replaceChildren(el("div", { class: "stack" }, top, middle, bottom, buttons));
  const charts = showCharts(middle, Number(query?.get("days")));
  const changes = createGathering(() => load({ isQuiet: true }), APART);
  const chartsLater = createGathering(() => charts.load({ isQuiet: true }), CHARTS_EVERY);
  // Every audited change is among the numbers or the latest changes; time makes them change as well.
  const { stop } = watch("admin.watchAudit", {}, { onEvent: see });
  const stopRenewals = [renewWhileSeen(() => changes.ask()), renewWhileSeen(() => chartsLater.ask(), CHARTS_EVERY)];
  let loads = 0;
  /** What is shown, as text. */
  let shown = "";
  load();
  return () => {
    loads += 1;
    stop();
    for (const stopRenewal of stopRenewals) stopRenewal();
    changes.stop();
    chartsLater.stop();
  };

  /** What changes while nobody looks is read when somebody comes back. */
  function see({ type }) {
    if (type !== "ready" && document.visibilityState === "visible") changes.ask();
  }

  async function load({ isQuiet = false } = {}) {
    // Somebody waits for a load that is running.
    if (isQuiet && top.hasAttribute("aria-busy")) return changes.ask();
    loads += 1;
    const own = loads;
    if (!isQuiet) {
      top.setAttribute("aria-busy", "true");
      charts.load();
    }
    try {
      const { answers, series } = await loadSeries(
        CARDS.map(({ picture }) => picture.request()),
        [
          { method: "admin.getStats", params: {} },
          { method: "admin.auditLog", params: { limit: 8 } },
        ],
      );
      const failed = answers.find(({ error }) => error !== undefined);
      if (failed) throw failed.error;
      if (own !== loads) return;
      const [stats, audit] = answers.map(({ result }) => result);
      show(stats, series, audit.items);
      if (!isQuiet && top.isConnected) announce("Stats are up to date");
    } catch (error) {
      // What is shown stays until the server has time.
      if (own !== loads || (isQuiet && changes.askAfter(error))) return;
      shown = "";
      top.replaceChildren(failureBox(error, { retry: () => load() }));
      announce(failureSentence(error));
    }
    top.removeAttribute("aria-busy");
  }

  function show(stats, series, items) {
    const now = JSON.stringify([stats, series, items]);
    if (now === shown) return;
    shown = now;
    keepFocus(top, () => top.replaceChildren(cards(stats, series)));
    keepFocus(bottom, () => bottom.replaceChildren(latest(items)));
  }
}

function cards(stats, series) {
  const card = ({ key, title, href, picture }, index) => {
    const figure = counts.long(stats[key]);
    const shown = pictured(picture.caption, series[index].result);
    return el(
      "div",
      { class: "stat" },
      el("dt", {}, href ? el("a", { href }, title) : title),
      el("dd", {}, figure),
      shown,
    );
  };
  return el("dl", { class: "stats" }, CARDS.map(card));
}

/** A picture, if its series could be loaded and has anything in it. */
function pictured(caption, series) {
  const lines = series?.lines ?? [];
  // Of several currencies, the one with the greatest numbers.
  const currency = caption.startsWith("Revenue") ? mainCurrency(lines) : null;
  const some = currency === null ? lines : lines.filter(({ label }) => label.endsWith(` ${currency}`));
  if (some.length === 0) return null;
  const format = currency === null ? counts : money(currency);
  return el("dd", { class: "spark" }, captioned(sums(some) ?? [], caption, format));
}

function mainCurrency(lines) {
  const sum = ({ values }) => values.reduce((all, value) => all + value, 0);
  const [main] = [...lines].sort((one, other) => sum(other) - sum(one));
  return main?.label.split(" ")[1] ?? null;
}

/** A request for the changes of the last 24 hours. */
function lastHours() {
  const hour = 60 * 60 * 1000;
  return { metric: "changes", bucket: "hour", from: new Date(Date.now() - 23 * hour).toISOString() };
}

function latest(items) {
  const line = (entry) =>
    el(
      "li",
      {},
      el(
        "div",
        { class: "row" },
        el("code", { class: "name" }, entry.procedure),
        el("span", {}, `${entry.entity} `, subject(entry)),
        el("span", { class: "type" }, "by ", person(entry.actorId)),
        el("span", { class: "spring" }),
        moment(entry.createdAt),
      ),
    );
  const body =
    items.length === 0
      ? el("p", { class: "empty" }, "Nothing has been changed yet.")
      : el("ul", { class: "shape" }, items.map(line));
  return el("section", { "aria-label": "Latest changes" }, el("h2", {}, "Latest changes"), body);
}
