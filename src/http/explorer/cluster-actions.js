// What an admin can do with any user's cluster: the questions, for the menus of lists, and the buttons of the pages.

import { actionButton } from "./action.js";
import { clusterName, quoted, whichCluster } from "./names.js";
import { session } from "./session.js";
import { meaning, nextStatus } from "./steps.js";
import { visible } from "./visible.js";

/** For screen readers, which need no isolated names. */
const named = (cluster) => `${clusterName(cluster)} #${cluster.id}`;

/** What is acted on, exactly. */
function about({ id, name, authUserId, plan, status }) {
  const owner = authUserId === null ? "no owner" : `owner ${visible(authUserId)}`;
  return { detail: `cluster ${id}: ${visible(name)}\n${owner}\n${plan}, ${status}`, detailLabel: "Cluster" };
}

/** Says it if the cluster is that of the person who asks. */
const own = ({ authUserId }) => (authUserId === session.user?.id ? " This is your own cluster." : "");

/** Setting the next status; null if there is none. The server decides whether the step is allowed. */
export function clusterStep(cluster) {
  const { id, status } = cluster;
  const next = nextStatus(status);
  if (!next) return null;
  const back = ["RUNNING", "STOPPED"].includes(status) ? "It can be set back." : `There is no way back to ${status}.`;
  return {
    text: `Set ${next}`,
    label: `Set ${next}: ${named(cluster)}`,
    method: "k8s.setStatus",
    input: { id, status: next },
    done: `${whichCluster(cluster)} is ${next} now.`,
    question: {
      title: `Set ${quoted(clusterName(cluster))} to ${next}?`,
      text: `${next}: ${meaning(next)}. Its owner sees that at once. ${back}${own(cluster)}`,
      ...about(cluster),
      action: `Set ${next}`,
    },
  };
}

/** Deleting an active cluster. */
export function clusterDeletion(cluster) {
  return {
    text: "Delete",
    label: `Delete ${named(cluster)}`,
    method: "admin.deleteCluster",
    input: { id: cluster.id },
    done: `${whichCluster(cluster)} has been deleted.`,
    danger: true,
    question: {
      title: `Delete ${quoted(clusterName(cluster))}?`,
      text: `Its owner loses it at once. It can be restored while no other cluster of theirs is active on ${cluster.plan}.${own(cluster)}`,
      ...about(cluster),
      action: "Delete the cluster",
    },
  };
}

/** Restoring a deleted cluster; null if its owner is gone. */
export function clusterRestore(cluster) {
  if (cluster.authUserId === null) return null;
  return {
    text: "Restore",
    label: `Restore ${named(cluster)}`,
    method: "admin.restoreCluster",
    input: { id: cluster.id },
    done: `${whichCluster(cluster)} has been restored.`,
    question: {
      title: `Restore ${quoted(clusterName(cluster))}?`,
      text: `Its owner has it again: STOPPED if it ever ran, else PENDING. Their subscription must cover ${cluster.plan}, and no other cluster of theirs may be active on it.${own(cluster)}`,
      ...about(cluster),
      action: "Restore the cluster",
    },
  };
}

const button = (list, about, item) => (about === null ? null : actionButton(list, { ...about, item }));

/**
 * The button for the next status; null if there is none. `list` is what shows the `item` that has the cluster: `{reload(),
 * showNotice(content), isCurrent(item)}`.
 */
export const statusButton = (cluster, list, item) => button(list, clusterStep(cluster), item);

/** The button that deletes an active cluster. */
export const deleteButton = (cluster, list, item) => button(list, clusterDeletion(cluster), item);

/** The button that restores a deleted cluster; null if its owner is gone. */
export const restoreButton = (cluster, list, item) => button(list, clusterRestore(cluster), item);
