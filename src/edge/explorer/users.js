// The dashboard's users: who they are, their role, and the end of an account.

import { actionButton } from "./action.js";
import { badge } from "./badge.js";
import { el } from "./dom.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";

const called = (user) => user.name ?? user.id;

export function showUsers(node, registry, query) {
  showList(node, registry, {
    procedureName: "admin.listUsers",
    place: "users",
    noun: "Users",
    query,
    columns: [
      { title: "User", cell: (user) => [el("strong", {}, called(user)), el("code", { class: "help block" }, user.id)] },
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
  return el("a", { href, "aria-label": `${activeClusters} active clusters of ${id}` }, String(activeClusters));
}

function setRole(user, list) {
  const role = user.role === "ADMIN" ? "USER" : "ADMIN";
  const title = role === "ADMIN" ? "Make admin" : "Make user";
  return actionButton(list, {
    text: title,
    label: `${title}: ${called(user)}`,
    method: "admin.setRole",
    input: { userId: user.id, role },
    done: `${called(user)} is ${role} now.`,
    question: {
      title: `${title}: ${called(user)}?`,
      text:
        role === "ADMIN"
          ? "An admin sees and changes everything, and can make more admins."
          : "They keep their account and their clusters, and lose the dashboard.",
      action: title,
    },
  });
}

function softDelete(user, list) {
  return actionButton(list, {
    text: "Delete",
    label: `Delete ${called(user)}`,
    method: "user.softDelete",
    input: { userId: user.id },
    done: `The account of ${called(user)} is closed.`,
    danger: true,
    question: {
      title: `Delete ${called(user)}?`,
      text: "Their clusters are deleted, their tokens revoked, name and email forgotten. Nothing here brings the account back.",
      detail: user.id,
      action: "Delete the account",
    },
  });
}
