// The dashboard's users, with buttons that change a role or delete an account.

import { actionButton } from "./action.js";
import { badge } from "./badge.js";
import { el } from "./dom.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";
import { call } from "./rpc.js";
import { visible } from "./visible.js";

const displayName = (user) => user.name ?? visible(user.id);

/** Names a user exactly: several may have the same name. */
const who = (user) => (user.name ? `${user.name} (${visible(user.id)})` : visible(user.id));

export function showUsers(node, registry, query) {
  showList(node, registry, {
    procedureName: "admin.listUsers",
    place: "dashboard/users",
    noun: "Users",
    query,
    columns: [
      {
        title: "User",
        cell: (user) => [
          el("strong", {}, displayName(user)),
          el("code", { class: "help block breakable" }, visible(user.id)),
        ],
      },
      { title: "Email", cell: (user) => el("span", { class: "breakable" }, user.email ?? "–") },
      { title: "Role", cell: (user) => [badge(user.role), user.deletedAt ? badge("DELETED") : null] },
      { title: "Plan", cell: (user) => (user.plan ? badge(user.plan) : "–") },
      { title: "Clusters", cell: (user) => clusters(user) },
      { title: "Joined", cell: (user) => moment(user.createdAt) },
      {
        title: "Actions",
        cell: (user, list) =>
          user.deletedAt ? "–" : el("div", { class: "actions" }, setRole(user, list), softDelete(user, list)),
      },
    ],
  });
}

function clusters({ id, activeClusters, deletedAt }) {
  const href = `#/dashboard/clusters?${new URLSearchParams({ userId: id, ...(deletedAt ? { includeDeleted: "true" } : {}) })}`;
  return el("a", { href, "aria-label": `${activeClusters} active clusters of ${visible(id)}` }, String(activeClusters));
}

function setRole(user, list) {
  const role = user.role === "ADMIN" ? "USER" : "ADMIN";
  const title = role === "ADMIN" ? "Make admin" : "Make user";
  return actionButton(list, {
    text: title,
    label: `${title}: ${who(user)}`,
    method: "admin.setRole",
    input: { userId: user.id, role },
    done: `${who(user)} is ${role} now.`,
    question: {
      title: `${title}: ${displayName(user)}?`,
      text:
        role === "ADMIN"
          ? "An admin sees and changes everything, and can make more admins."
          : "They keep their account and their clusters, and lose access to the dashboard.",
      detail: visible(user.id),
      detailLabel: "User id",
      action: title,
    },
  });
}

function softDelete(user, list) {
  return actionButton(list, {
    text: "Delete",
    label: `Delete ${who(user)}`,
    method: "user.softDelete",
    input: { userId: user.id },
    done: `The account of ${who(user)} has been deleted.`,
    danger: true,
    question: {
      title: `Delete ${displayName(user)}?`,
      text: "Their clusters are deleted, their tokens are revoked, and their name and email are erased. This can't be undone here.",
      detail: visible(user.id),
      detailLabel: "User id and active clusters",
      action: "Delete the account",
    },
    // What is shown is what is deleted: the server checks the token.
    prepare: async () => {
      const { result } = await call("user.summary", { userId: user.id });
      const clusters = result.clusters.map(({ id, name }) => `cluster ${id}: ${visible(name)}`);
      return {
        input: { confirmToken: result.confirmToken },
        question: { detail: [visible(user.id), ...clusters].join("\n") },
      };
    },
  });
}
