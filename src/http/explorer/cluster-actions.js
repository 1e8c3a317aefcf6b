// Buttons that act on any user's cluster. `list` is what shows it: `{reload(), showNotice(content)}`.

import { actionButton } from "./action.js";
import { quoted } from "./names.js";
import { session } from "./session.js";
import { nextStatus } from "./steps.js";
import { visible } from "./visible.js";

const named = ({ id, name }) => `${name} #${id}`;

/** What is acted on, exactly. */
function about({ id, name, authUserId, plan, status }) {
  const owner = authUserId === null ? "no owner" : `owner ${visible(authUserId)}`;
  return `cluster ${id}: ${visible(name)}\n${owner}\n${plan}, ${status}`;
}

/** Says it if the cluster is that of the person who asks. */
const own = ({ authUserId }) => (authUserId === session.user?.id ? " This is your own cluster." : "");

/** The button for the next status; null if there is none. */
export function statusButton(cluster, list) {
  const next = nextStatus(cluster.status);
  if (!next) return null;
  const back = ["RUNNING", "STOPPED"].includes(cluster.status)
    ? "It can be set back."
    : "There is no way back to the status before.";
  return actionButton(list, {
    text: `Set ${next}`,
    label: `Set ${next}: ${named(cluster)}`,
    method: "k8s.setStatus",
    input: { id: cluster.id, status: next },
    done: `${named(cluster)} is ${next} now.`,
    question: {
      title: `Set ${quoted(cluster.name)} to ${next}?`,
      text: `Its owner sees the new status at once. ${back}${own(cluster)}`,
      detail: about(cluster),
      detailLabel: "Cluster",
      action: `Set ${next}`,
    },
  });
}

/** The button that deletes an active cluster. */
export function deleteButton(cluster, list) {
  return actionButton(list, {
    text: "Delete",
    label: `Delete ${named(cluster)}`,
    method: "admin.deleteCluster",
    input: { id: cluster.id },
    done: `${named(cluster)} has been deleted.`,
    danger: true,
    question: {
      title: `Delete ${quoted(cluster.name)}?`,
      text: `Its owner loses it at once. It can be restored while no other cluster of theirs is active on ${cluster.plan}.${own(cluster)}`,
      detail: about(cluster),
      detailLabel: "Cluster",
      action: "Delete the cluster",
    },
  });
}

/** The button that restores a deleted cluster; null if its owner is gone. */
export function restoreButton(cluster, list) {
  if (cluster.authUserId === null) return null;
  return actionButton(list, {
    text: "Restore",
    label: `Restore ${named(cluster)}`,
    method: "admin.restoreCluster",
    input: { id: cluster.id },
    done: `${named(cluster)} has been restored.`,
    question: {
      title: `Restore ${quoted(cluster.name)}?`,
      text: `Its owner has it again: stopped if it ever ran, else pending. Their subscription must cover ${cluster.plan}, and no other cluster of theirs may be active on it.${own(cluster)}`,
      detail: about(cluster),
      detailLabel: "Cluster",
      action: "Restore the cluster",
    },
  });
}
