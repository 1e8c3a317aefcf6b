// The events of a subscription, as lines of a list.

import { badge } from "./badge.js";
import { el } from "./dom.js";
import { jsonBlock } from "./json.js";
import { moment } from "./moment.js";

/** Events that are about the subscription itself. */
const NOTES = {
  ready: "Watching from here on.",
  lagged: "There were more changes than could be sent; the missed ones follow.",
};

/** An event in words, for a screen reader. */
export function eventSentence(event) {
  const { type = "event", cluster, entry } = event ?? {};
  if (NOTES[type]) return `${type}. ${NOTES[type]}`;
  if (entry) return `${type}, ${entry.procedure} by ${entry.actorId}`;
  return cluster ? `${type}, cluster ${cluster.id} ${cluster.name}` : String(type);
}

/** The ids of the users about whom an entry of the audit log tells something new. */
export function concernedUsers({ entity, entityId, actorId, detail }) {
  const owner = [detail?.owner, detail?.userId].filter((id) => typeof id === "string");
  return new Set([...(entity === "user" ? [entityId] : []), ...owner, actorId]);
}

/** A list item that opens to show the event as JSON. */
export function eventLine(event) {
  const { type = "event", id, at = event?.entry?.createdAt, cluster, entry } = event ?? {};
  const facts = cluster
    ? [cluster.plan, cluster.location, cluster.authUserId]
    : [entry?.actorId, entry && `${entry.entity} ${entry.entityId}`];
  const note = NOTES[type] ?? facts.filter(Boolean).join(" · ");
  const head = [
    badge(String(type)),
    cluster ? el("span", {}, el("strong", {}, cluster.name), ` #${cluster.id}`) : null,
    cluster ? badge(cluster.status) : null,
    entry ? el("code", {}, entry.procedure) : null,
    note ? el("span", { class: "help" }, note) : null,
    el("span", { class: "spring" }),
    at ? moment(at) : null,
    id ? el("code", { class: "help" }, id) : null,
  ];
  return el("li", {}, el("details", {}, el("summary", {}, head), jsonBlock(event, "Event as JSON")));
}
