// The dashboard's audit log: who changed what. New entries appear as they are written.

import { announce, el } from "./dom.js";
import { eventSentence } from "./events.js";
import { jsonBlock } from "./json.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";
import { watch } from "./rpc.js";
import { visible } from "./visible.js";

/** Characters of a detail that are shown before it is opened. */
const SHORT = 60;

/** The filters that the subscription has too. A list with another one, such as `until`, is not live. */
const LIVE = new Set(["actorId", "procedure", "entity", "entityId"]);

/** Shows the log in `node`. Returns a function that stops it. */
export function showAudit(node, registry, query) {
  const list = showList(node, registry, {
    procedureName: "admin.auditLog",
    place: "dashboard/audit",
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
  const filters = [...query].filter(([, value]) => value !== "");
  if (!filters.every(([name]) => LIVE.has(name))) return undefined;
  const { stop } = watch("admin.watchAudit", Object.fromEntries(filters), {
    onEvent: (event) => {
      // Entries that were written between the first load and the start of the subscription.
      if (event.type === "ready") list.reload();
      if (event.type !== "recorded") return;
      list.add(event.entry);
      announce(eventSentence(event));
    },
  });
  return stop;
}

/** A link to the log, filtered by this value. */
function link(filter, value, others = {}) {
  return el(
    "a",
    { class: "breakable", href: `#/dashboard/audit?${new URLSearchParams({ ...others, [filter]: value })}` },
    visible(value),
  );
}

/** Where a change came from, as far as that is known. */
function origin({ door, clientAddress, tokenId }) {
  const parts = [door ?? "unknown door"];
  if (clientAddress !== null) parts.push(`from ${clientAddress}`);
  if (tokenId !== null) parts.push(`with API token ${tokenId}`);
  return parts.join(" ");
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
    el("p", { class: "help" }, origin(entry)),
  );
}
