// Tables of the audit log on the pages about things.

import { el } from "./dom.js";
import { dotted, jsonLine } from "./facts.js";
import { jsonBlock } from "./json.js";
import { moment } from "./moment.js";
import { person, subject } from "./names.js";

/** Characters of a detail that are shown before it is opened. */
const SHORT = 60;

/**
 * The entries that match `filter`, in a table that `table(options)` makes. They are about one thing or, with
 * `isBySomebody`, made by one actor.
 */
export function trail(table, noun, filter, { empty, isBySomebody = false }) {
  const columns = [
    { title: "When", sort: "createdAt", cell: ({ createdAt }) => moment(createdAt) },
    { title: "Who", cell: ({ actorId }) => person(actorId, { cut: true }) },
    { title: "Procedure", cell: ({ procedure }) => dotted(procedure) },
    { title: "What", cell: (entry) => [`${entry.entity} `, subject(entry, { cut: true })] },
    { title: "Detail", cell: (entry) => detail(entry) },
  ];
  const shown = columns.filter(({ title }) => title !== (isBySomebody ? "Who" : "What"));
  const all = el("a", { href: `#/dashboard/audit?${new URLSearchParams(filter)}` }, "Open in the audit log");
  return [
    table({ procedure: "admin.auditLog", input: filter, noun, columns: shown, empty }),
    el("p", { class: "help" }, all),
  ];
}

function detail({ id, detail: content, requestId }) {
  const short = JSON.stringify(content);
  const summary = short.length > SHORT ? `${short.slice(0, SHORT)}…` : short;
  return el(
    "details",
    {},
    el("summary", {}, jsonLine(summary)),
    jsonBlock(content, `Detail of entry ${id}`),
    el("p", { class: "help" }, "Request id ", el("code", {}, requestId)),
  );
}
