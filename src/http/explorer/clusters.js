// The dashboard's clusters, and the buttons that change their status.

import { actionButton } from "./action.js";
import { badge } from "./badge.js";
import { el } from "./dom.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";
import { visible } from "./visible.js";

/** The next status to offer. The server decides whether the step is allowed. */
const NEXT = { PENDING: "CREATING", CREATING: "INITING", INITING: "RUNNING", RUNNING: "STOPPED", STOPPED: "RUNNING" };

export function showClusters(node, registry, query) {
  showList(node, registry, {
    procedureName: "admin.listClusters",
    place: "dashboard/clusters",
    noun: "Clusters",
    query,
    columns: [
      {
        title: "Cluster",
        cell: (cluster) => [el("strong", {}, cluster.name), el("code", { class: "help block" }, `#${cluster.id}`)],
      },
      { title: "Owner", cell: (cluster) => owner(cluster) },
      { title: "Plan", cell: (cluster) => badge(cluster.plan) },
      { title: "Status", cell: (cluster) => badge(cluster.status) },
      { title: "Location", cell: (cluster) => cluster.location },
      { title: "Updated", cell: (cluster) => moment(cluster.updatedAt) },
      {
        title: "Actions",
        cell: (cluster, list) => el("div", { class: "actions" }, setStatus(cluster, list), history(cluster)),
      },
    ],
  });
}

function owner({ authUserId }) {
  if (authUserId === null) return "deleted user";
  return el(
    "a",
    {
      class: "breakable",
      href: `#/dashboard/users?${new URLSearchParams({ search: authUserId, includeDeleted: "true" })}`,
    },
    visible(authUserId),
  );
}

function history({ id, name }) {
  const href = `#/dashboard/audit?${new URLSearchParams({ entity: "cluster", entityId: String(id) })}`;
  return el("a", { class: "button small", href, "aria-label": `History of ${name} #${id}` }, "History");
}

function setStatus({ id, name, status }, list) {
  const next = NEXT[status];
  if (!next) return null;
  return actionButton(list, {
    text: `Set ${next}`,
    label: `Set ${next}: ${name} #${id}`,
    method: "k8s.setStatus",
    input: { id, status: next },
    done: `${name} #${id} is ${next} now.`,
  });
}
