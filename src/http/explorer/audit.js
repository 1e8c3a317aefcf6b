// The dashboard's audit log: who changed what.

import { el } from "./dom.js";
import { jsonBlock } from "./json.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";

/** Characters of a detail that are shown before it is opened. */
const SHORT = 60;

export function showAudit(node, registry, query) {
  showList(node, registry, {
    procedureName: "admin.auditLog",
    place: "audit",
    noun: "Entries",
    query,
    columns: [
      { title: "When", cell: (entry) => moment(entry.createdAt) },
      { title: "Who", cell: (entry) => link("actorId", entry.actorId) },
      { title: "Procedure", cell: (entry) => el("code", { class: "breakable" }, entry.procedure) },
      {
        title: "What",
        cell: (entry) => [`${entry.entity} `, link("entityId", entry.entityId, { entity: entry.entity })],
      },
      { title: "Detail", cell: (entry) => detail(entry) },
    ],
  });
}

/** A link to the log, filtered by this value. */
function link(filter, value, others = {}) {
  return el(
    "a",
    { class: "breakable", href: `#/dashboard/audit?${new URLSearchParams({ ...others, [filter]: value })}` },
    value,
  );
}

function detail(entry) {
  const label = `Detail of entry ${entry.id}`;
  const short = JSON.stringify(entry.detail);
  const summary = short.length > SHORT ? `${short.slice(0, SHORT)}…` : short;
  return el(
    "details",
    {},
    el("summary", {}, el("code", {}, summary)),
    jsonBlock(entry.detail, label),
    el("p", { class: "help" }, "Request id ", el("code", {}, entry.requestId)),
  );
}
