// The dashboard's clusters, with menus that change their status, delete and restore them. Rows change as the clusters do.

import { action } from "./action.js";
import { badge } from "./badge.js";
import { copyAction } from "./copy.js";
import { announce, el } from "./dom.js";
import { eventSentence } from "./events.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";
import { watch } from "./rpc.js";
import { userPage } from "./users.js";
import { visible } from "./visible.js";

/** The next status to offer. The server decides whether the step is allowed. */
const NEXT = { PENDING: "CREATING", CREATING: "INITING", INITING: "RUNNING", RUNNING: "STOPPED", STOPPED: "RUNNING" };

/** What a step does, for the question before it. */
const STEPS = {
  CREATING: "The owner sees that its machines are being created. There is no way back to PENDING.",
  INITING: "The owner sees that its software is being set up. There is no way back to CREATING.",
  RUNNING: "The owner sees that it is in operation.",
  STOPPED: "The owner sees that it is halted. It can be set to RUNNING again.",
};

/** The page about a cluster. */
export const clusterPage = (id) => `#/cluster/${id}`;

const named = ({ id, name }) => `${name} #${id}`;

export function showClusters(node, registry, query) {
  let watching = { stop() {} };
  let filters = {};
  const list = showList(node, registry, {
    procedureName: "admin.listClusters",
    place: "dashboard/clusters",
    noun: "Clusters",
    query,
    columns: [
      {
        title: "Cluster",
        cell: (cluster) => [
          el("a", { class: "cut strong", href: clusterPage(cluster.id), title: cluster.name }, cluster.name),
          el("code", { class: "help block" }, `#${cluster.id}`),
        ],
        fields: { id: (cluster) => cluster.id, name: (cluster) => cluster.name },
      },
      {
        title: "Owner",
        cell: (cluster) => owner(cluster),
        fields: { owner: (cluster) => cluster.authUserId },
      },
      { title: "Plan", cell: (cluster) => badge(cluster.plan), fields: { plan: (cluster) => cluster.plan } },
      { title: "Status", cell: (cluster) => badge(cluster.status), fields: { status: (cluster) => cluster.status } },
      {
        title: "Location",
        cell: (cluster) => el("span", { class: "cut short", title: cluster.location }, cluster.location),
        fields: { location: (cluster) => cluster.location },
      },
      {
        title: "Created",
        sort: "createdAt",
        cell: (cluster) => moment(cluster.createdAt),
        fields: { created: (cluster) => cluster.createdAt },
      },
      {
        title: "Updated",
        cell: (cluster) => moment(cluster.updatedAt),
        fields: { updated: (cluster) => cluster.updatedAt, deleted: (cluster) => cluster.deletedAt },
      },
    ],
    actions: (cluster, list) => ({ label: named(cluster), items: () => menu(cluster, list) }),
    // Those with this status are the deleted ones.
    adjust: (filters) => (filters.status === "DELETED" ? { ...filters, includeDeleted: true } : filters),
    onFilter: (changed) => {
      filters = changed;
      const { userId, plan } = filters;
      watching.stop();
      // Not by status: a cluster that leaves it is shown with the new one.
      watching = watch("k8s.watch", { ...(userId ? { userId } : {}), ...(plan ? { plan } : {}) }, { onEvent: see });
    },
  });

  function see(event) {
    const { type, cluster } = event;
    if (cluster === undefined) return list.refresh();
    const isShown = list.get(cluster.id) !== undefined;
    if (isShown) list.replace(cluster);
    else if (type === "created" && (filters.status ?? cluster.status) === cluster.status) list.add(cluster);
    else return;
    announce(eventSentence(event));
  }

  return () => {
    watching.stop();
    list.stop();
  };
}

function owner({ authUserId }) {
  if (authUserId === null) return "deleted user";
  const id = visible(authUserId);
  return el("a", { class: "cut", href: userPage(authUserId), title: id }, id);
}

function menu(cluster, list) {
  const history = new URLSearchParams({ entity: "cluster", entityId: String(cluster.id) });
  const isDeleted = cluster.deletedAt !== null;
  return [
    setStatus(cluster, list),
    { text: "History", href: `#/dashboard/audit?${history}` },
    copyAction("Copy id", String(cluster.id)),
    isDeleted ? restore(cluster, list) : remove(cluster, list),
  ];
}

/** What the questions show. */
const about = (cluster) => ({
  detail: `${named(cluster)}\nowner: ${cluster.authUserId === null ? "none" : visible(cluster.authUserId)}\nplan: ${cluster.plan}\nstatus: ${cluster.status}`,
  detailLabel: "Cluster",
});

function setStatus(cluster, list) {
  const next = NEXT[cluster.status];
  if (!next) return null;
  return action(list, {
    text: `Set ${next}…`,
    item: cluster,
    method: "k8s.setStatus",
    input: { id: cluster.id, status: next },
    done: `${named(cluster)} is ${next} now.`,
    question: {
      title: `Set ${cluster.name} to ${next}?`,
      text: STEPS[next],
      ...about(cluster),
      action: `Set ${next}`,
    },
  });
}

function remove(cluster, list) {
  return action(list, {
    text: "Delete…",
    item: cluster,
    method: "admin.deleteCluster",
    input: { id: cluster.id },
    done: `${named(cluster)} has been deleted.`,
    danger: true,
    question: {
      title: `Delete ${cluster.name}?`,
      text: "It belongs to a customer, who loses it from their list. It can be restored while no other cluster of theirs is active on its plan.",
      ...about(cluster),
      action: "Delete the cluster",
    },
  });
}

function restore(cluster, list) {
  if (cluster.authUserId === null) return null;
  return action(list, {
    text: "Restore…",
    item: cluster,
    method: "admin.restoreCluster",
    input: { id: cluster.id },
    done: `${named(cluster)} has been restored.`,
    question: {
      title: `Restore ${cluster.name}?`,
      text: "It is in its owner's list again, as STOPPED if it has ever run, else as PENDING. Their subscription must cover its plan.",
      ...about(cluster),
      action: "Restore the cluster",
    },
  });
}
