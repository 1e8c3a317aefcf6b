// The page of a cluster: its status as a diagram, what has happened to it, its owner, and what an admin can do.

import { badge } from "./badge.js";
import { deleteButton, restoreButton, statusButton } from "./cluster-actions.js";
import { el } from "./dom.js";
import { copyable, cut, facts, fitting } from "./facts.js";
import { moment } from "./moment.js";
import { clusterName, note, person } from "./names.js";
import { call, watch } from "./rpc.js";
import { steps } from "./steps.js";
import { section, showThing, wideSection } from "./thing.js";
import { trail } from "./trail.js";

/** Events from which the times of the steps are taken. */
const KNOWN = 100;
const ID = /^[1-9]\d{0,15}$/;

/** Shows the cluster with this id. Changes of it are shown as they happen. Returns a function that stops it. */
export function showCluster(main, text) {
  const id = ID.test(text) ? Number(text) : null;
  return showThing(main, {
    back: { href: "#/dashboard/clusters", text: "Clusters" },
    title: `Cluster #${text}`,
    load: () => load(id),
    render,
    missing: () => [el("p", { class: "empty" }, `There is no cluster with the number ${text}.`)],
    watch: (page) => (id === null ? null : follow(id, page)),
  });
}

async function load(id) {
  if (id === null) throw Object.assign(new Error("There is no such cluster."), { code: "NOT_FOUND" });
  const [detail, events] = await Promise.all([
    call("admin.getCluster", { id }),
    call("admin.clusterEvents", { id, limit: KNOWN }),
  ]);
  if (detail.result.owner) note(detail.result.owner);
  return { ...detail.result, events: events.result.items };
}

function follow(id, page) {
  // When the subscription is ready too: something may have changed since the page was read.
  return watch("k8s.watch", { clusterId: id }, { onEvent: () => page.refresh() }).stop;
}

function render(thing, page) {
  const { cluster, hasRun, owner, events } = thing;
  const { id, status, plan } = cluster;
  const isDeleted = status === "DELETED";
  return {
    title: clusterName(cluster),
    badges: [badge(status), badge(plan), el("code", { class: "help" }, `#${id}`)],
    content: [
      wideSection(
        "Status",
        steps({ status, hasRun }, reached(events)),
        isDeleted ? fate(cluster, hasRun) : null,
        el(
          "div",
          { class: "buttons" },
          isDeleted
            ? restoreButton(cluster, page, thing)
            : [statusButton(cluster, page, thing), deleteButton(cluster, page, thing)],
        ),
      ),
      section("Cluster", about(cluster)),
      section("Owner", ownerFacts(owner)),
      wideSection("History", history(id, page)),
      wideSection(
        "Audit trail",
        trail(page.table, "Entries", { entity: "cluster", entityId: String(id) }, { empty: "Nobody has changed it." }),
      ),
    ],
  };
}

/** When the cluster last got each status. Events come newest first. */
function reached(events) {
  const times = new Map();
  for (const [index, { at, cluster }] of events.entries()) {
    const before = events[index + 1]?.cluster.status;
    if (before !== cluster.status && !times.has(cluster.status)) times.set(cluster.status, at);
  }
  return times;
}

function fate({ authUserId }, hasRun) {
  if (authUserId === null)
    return el("p", { class: "help" }, "Its owner was deleted for good, so it can't be restored.");
  return el(
    "p",
    { class: "help" },
    `After it is restored it is ${hasRun ? "STOPPED, because it has run" : "PENDING"}.`,
  );
}

function about(cluster) {
  const { id, location, plan, network, createdAt, updatedAt, deletedAt } = cluster;
  return facts([
    ["Number", copyable("the cluster's number", String(id))],
    ["Name", fitting("bdi", clusterName(cluster))],
    ["Location", fitting("bdi", location)],
    ["Network", network],
    ["Plan", badge(plan)],
    ["Created", moment(createdAt)],
    ["Changed", moment(updatedAt)],
    deletedAt ? ["Deleted", moment(deletedAt)] : null,
  ]);
}

function ownerFacts(owner) {
  if (!owner) return el("p", { class: "help" }, "The owner was deleted for good.");
  return facts([
    ["Name", [person(owner.id), " ", owner.deletedAt ? badge("DELETED") : null]],
    ["Id", copyable("the owner's id", owner.id)],
    owner.deletedAt ? ["Deleted", moment(owner.deletedAt)] : null,
  ]);
}

function history(id, page) {
  return page.table({
    procedure: "admin.clusterEvents",
    input: { id },
    noun: "Events",
    empty: "Its events have been removed because of their age.",
    columns: [
      { title: "When", cell: ({ at }) => moment(at) },
      { title: "Change", cell: ({ type }) => badge(type) },
      { title: "Status", cell: ({ cluster }) => badge(cluster.status) },
      { title: "Name", cell: ({ cluster }) => cut(clusterName(cluster)) },
      { title: "Location", cell: ({ cluster }) => cut(cluster.location, "short") },
      { title: "Owner", cell: ({ cluster }) => person(cluster.authUserId, { cut: true }) },
    ],
  });
}
