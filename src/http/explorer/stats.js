// The dashboard's first tab: totals, and the latest changes.

import { announce, el } from "./dom.js";
import { failureBox, failureSentence } from "./failure.js";
import { moment } from "./moment.js";
import { call } from "./rpc.js";

const CARDS = [
  { key: "totalUsers", title: "Active users", href: "#/dashboard/users" },
  { key: "totalClusters", title: "Active clusters", href: "#/dashboard/clusters" },
  { key: "activeSubscriptions", title: "Running subscriptions", href: null },
  { key: "recentActivity", title: "Changes in 24 hours", href: "#/dashboard/audit" },
];

const number = new Intl.NumberFormat();

export function showStats(node) {
  const refresh = el("button", { type: "button", on: { click: () => load() } }, "Refresh");
  const body = el("div", {}, el("p", { class: "loading" }, "Loading…"));
  node.replaceChildren(body, el("div", { class: "buttons" }, refresh));
  load();

  async function load() {
    body.setAttribute("aria-busy", "true");
    try {
      const [stats, audit] = await Promise.all([call("admin.getStats"), call("admin.auditLog", { limit: 8 })]);
      body.replaceChildren(cards(stats.result), latest(audit.result.items));
      if (body.isConnected) announce("Stats are up to date");
    } catch (error) {
      body.replaceChildren(failureBox(error, { retry: load }));
      announce(failureSentence(error));
    }
    body.removeAttribute("aria-busy");
  }
}

function cards(stats) {
  const card = ({ key, title, href }) => {
    const figure = number.format(stats[key]);
    return el("div", { class: "stat" }, el("dt", {}, href ? el("a", { href }, title) : title), el("dd", {}, figure));
  };
  return el("dl", { class: "stats" }, CARDS.map(card));
}

function latest(items) {
  const line = ({ createdAt, actorId, procedure, entity, entityId }) =>
    el(
      "li",
      {},
      el(
        "div",
        { class: "row" },
        el("code", { class: "name" }, procedure),
        el("span", {}, `${entity} ${entityId}`),
        el("span", { class: "type" }, "by ", actorId),
        el("span", { class: "spring" }),
        moment(createdAt),
      ),
    );
  const body =
    items.length === 0
      ? el("p", { class: "empty" }, "Nothing has been changed yet.")
      : el("ul", { class: "shape" }, items.map(line));
  return el("section", { "aria-label": "Latest changes" }, el("h2", {}, "Latest changes"), body);
}
