// The dashboard's clusters, with menus that change their status, delete and restore them. Rows change as the clusters do.

import { action } from "./action.js";
import { badge } from "./badge.js";
import { clusterDeletion, clusterRestore, clusterStep } from "./cluster-actions.js";
import { copyAction } from "./copy.js";
import { announce, el } from "./dom.js";
import { eventSentence } from "./events.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";
import { clusterLink, clusterName, person, whichCluster } from "./names.js";
import { watch } from "./rpc.js";

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
          el(
            "a",
            { class: "cut strong", href: clusterLink(cluster.id), title: whichCluster(cluster) },
            el("bdi", {}, clusterName(cluster)),
          ),
          el("code", { class: "help block" }, `#${cluster.id}`),
        ],
        fields: { id: (cluster) => cluster.id, name: (cluster) => cluster.name },
      },
      {
        title: "Owner",
        cell: (cluster) => person(cluster.authUserId, { cut: true }),
        fields: { owner: (cluster) => cluster.authUserId },
      },
      { title: "Plan", cell: (cluster) => badge(cluster.plan), fields: { plan: (cluster) => cluster.plan } },
      { title: "Status", cell: (cluster) => badge(cluster.status), fields: { status: (cluster) => cluster.status } },
      {
        title: "Location",
        cell: (cluster) => el("span", { class: "cut short", title: cluster.location }, el("bdi", {}, cluster.location)),
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
    actions: (cluster, list) => ({ label: `${clusterName(cluster)} #${cluster.id}`, items: () => menu(cluster, list) }),
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

function menu(cluster, list) {
  const { id, authUserId, deletedAt } = cluster;
  const history = new URLSearchParams({ entity: "cluster", entityId: String(id) });
  const ask = (about) => about && action(list, { ...about, text: `${about.text}…`, item: cluster });
  return [
    ask(clusterStep(cluster)),
    { text: "History", href: `#/dashboard/audit?${history}` },
    copyAction("Copy id", String(id)),
    authUserId === null ? null : copyAction("Copy the owner's id", authUserId),
    ask(deletedAt === null ? clusterDeletion(cluster) : clusterRestore(cluster)),
  ];
}
