// The events of a subscription, as lines of a list.

import { badge } from "./badge.js";
import { copyButton } from "./copy.js";
import { el } from "./dom.js";
import { facts } from "./facts.js";
import { jsonBlock } from "./json.js";
import { moment } from "./moment.js";
import { ACTORS, clusterLink, clusterName, person, spokenName, whichCluster } from "./names.js";
import { session } from "./session.js";
import { visible } from "./visible.js";

/** Events that are about the subscription itself. */
const NOTES = {
  ready: "Watching from here on.",
  lagged: "There were more changes than could be sent; the missed ones follow.",
};

/** An event in words, for a screen reader. */
export function eventSentence(event) {
  const { type = "event", cluster, entry } = event ?? {};
  if (NOTES[type]) return `${type}. ${NOTES[type]}`;
  if (entry) return `${type}, ${entry.procedure} by ${spokenName(entry.actorId)}`;
  return cluster ? `${type}, cluster ${clusterName(cluster)} #${cluster.id}` : String(type);
}

/** The ids of the users about whom an entry of the audit log tells something new. */
export function concernedUsers({ entity, entityId, actorId, detail }) {
  const owner = [detail?.owner, detail?.userId].filter((id) => typeof id === "string");
  return new Set([...(entity === "user" ? [entityId] : []), ...owner, actorId]);
}

/** A list item that opens to show who and what the event is about, with the ids to copy, and the event as JSON. */
export function eventLine(event) {
  const { type = "event", id, at = event?.entry?.createdAt, cluster, entry } = event ?? {};
  const head = [
    badge(String(type)),
    ...(cluster ? clusterHead(cluster) : entry ? entryHead(entry) : []),
    NOTES[type] ? el("span", { class: "help" }, NOTES[type]) : null,
    el("span", { class: "spring" }),
    at ? moment(at) : null,
    id ? el("code", { class: "help" }, id) : null,
  ];
  const about = cluster ? clusterFacts(cluster) : entry ? entryFacts(entry) : null;
  return el("li", {}, el("details", {}, el("summary", {}, head), about, jsonBlock(event, "Event as JSON")));
}

/** No links: a press on the line opens it. */
function clusterHead(cluster) {
  const { id, plan, location, status, authUserId } = cluster;
  return [
    el("span", { class: "fit" }, el("strong", {}, el("bdi", {}, clusterName(cluster))), ` #${id}`),
    badge(status),
    el("span", { class: "help fit" }, `${plan} · `, el("bdi", {}, location)),
    el("span", { class: "help fit" }, "of ", person(authUserId, { isText: true })),
  ];
}

function entryHead({ procedure, entity, entityId, actorId }) {
  const what = entity === "user" ? person(entityId, { isText: true }) : el("code", {}, label(entity, entityId));
  return [
    el("code", {}, procedure),
    el("span", { class: "help fit" }, "by ", person(actorId, { isText: true })),
    el("span", { class: "help fit" }, `${entity} `, what),
  ];
}

function clusterFacts(cluster) {
  const name = whichCluster(cluster);
  const link = session.isAdmin
    ? el("a", { class: "fit", href: clusterLink(cluster.id) }, name)
    : el("span", { class: "fit" }, name);
  return facts([
    ["Cluster", withCopy(link, "the cluster's id", cluster.id)],
    ["Owner", whole(cluster.authUserId, "the owner's id")],
  ]);
}

function entryFacts({ entity, entityId, actorId }) {
  const isCluster = entity === "cluster";
  const text = label(entity, entityId);
  const thing = isCluster
    ? el("a", { class: "fit", href: clusterLink(entityId) }, text)
    : el("code", { class: "fit" }, text);
  const id = `the id of the ${entity}`;
  return facts([
    ["By", whole(actorId, "the actor's id")],
    ["What", entity === "user" ? whole(entityId, id) : [`${entity} `, withCopy(thing, id, entityId)]],
  ]);
}

/** The number of a cluster looks like one everywhere. */
const label = (entity, id) => (entity === "cluster" ? `#${visible(id)}` : visible(id));

/** A user with the id to copy. */
function whole(id, what) {
  return id === null || ACTORS.has(id) ? person(id) : withCopy(person(id), what, id);
}

function withCopy(node, what, id) {
  return el(
    "span",
    { class: "copyable" },
    node,
    copyButton(what, () => String(id)),
  );
}
