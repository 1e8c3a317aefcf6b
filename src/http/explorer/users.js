// The dashboard's users, with menus that change a role or delete an account.

import { action } from "./action.js";
import { badge } from "./badge.js";
import { copyAction } from "./copy.js";
import { el } from "./dom.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";
import { call, watch } from "./rpc.js";
import { session } from "./session.js";
import { visible } from "./visible.js";

const displayName = (user) => user.name ?? visible(user.id);

/** Names a user exactly: several may have the same name. */
const who = (user) => (user.name ? `${user.name} (${visible(user.id)})` : visible(user.id));

/** The page about a user. */
export const userPage = (id) => `#/user/${encodeURIComponent(id)}`;

const isSelf = (user) => user.id === session.user?.id;

export function showUsers(node, registry, query) {
  const list = showList(node, registry, {
    procedureName: "admin.listUsers",
    place: "dashboard/users",
    noun: "Users",
    query,
    columns: [
      {
        title: "User",
        sort: "name",
        first: "asc",
        cell: (user) => [
          el("a", { class: "cut wide strong", href: userPage(user.id), title: who(user) }, displayName(user)),
          el("code", { class: "cut wide help", title: visible(user.id) }, visible(user.id)),
        ],
        fields: { id: (user) => user.id, name: (user) => user.name },
      },
      {
        title: "Email",
        cell: (user) => el("span", { class: "cut wide", title: user.email }, user.email ?? "–"),
        fields: { email: (user) => user.email },
      },
      {
        title: "Role",
        cell: (user) => [badge(user.role), user.deletedAt ? badge("DELETED") : null],
        fields: { role: (user) => user.role, deleted: (user) => user.deletedAt },
      },
      {
        title: "Plan",
        cell: (user) => (user.plan ? badge(user.plan) : "–"),
        fields: { plan: (user) => user.plan },
      },
      { title: "Clusters", cell: (user) => clusters(user), fields: { clusters: (user) => user.activeClusters } },
      {
        title: "Joined",
        sort: "createdAt",
        cell: (user) => moment(user.createdAt),
        fields: { joined: (user) => user.createdAt },
      },
    ],
    actions: (user, list) => ({ label: who(user), items: () => menu(user, list) }),
  });
  const { stop } = watch(
    "admin.watchAudit",
    {},
    {
      onEvent: ({ type, entry }) => {
        // Changes between the first load and the start of the subscription, and those that it could not deliver in time.
        if (type !== "recorded") return list.refresh();
        const changed = [...concerned(entry)].map((id) => list.get(id)).filter(Boolean);
        for (const user of changed) list.hold(user);
        if (changed.length > 0) list.refresh();
      },
    },
  );
  return () => {
    stop();
    list.stop();
  };
}

/** The ids of the users whose rows an entry may have changed. */
function concerned({ entity, entityId, actorId, detail }) {
  const owner = [detail?.owner, detail?.userId].filter((id) => typeof id === "string");
  return new Set([...(entity === "user" ? [entityId] : []), ...owner, actorId]);
}

function clusters({ id, activeClusters, deletedAt }) {
  const href = `#/dashboard/clusters?${new URLSearchParams({ userId: id, ...(deletedAt ? { includeDeleted: "true" } : {}) })}`;
  return el("a", { href, "aria-label": `${activeClusters} active clusters of ${visible(id)}` }, String(activeClusters));
}

function menu(user, list) {
  const history = new URLSearchParams({ entity: "user", entityId: user.id });
  return [
    user.deletedAt ? null : setRole(user, list),
    { text: "Clusters", href: `#/dashboard/clusters?${new URLSearchParams({ userId: user.id })}` },
    { text: "History", href: `#/dashboard/audit?${history}` },
    copyAction("Copy id", user.id),
    user.deletedAt ? null : softDelete(user, list),
  ];
}

function setRole(user, list) {
  const role = user.role === "ADMIN" ? "USER" : "ADMIN";
  const title = role === "ADMIN" ? "Make admin" : "Make user";
  const own = "This is your own account: you lose access to the dashboard, and only another admin can give it back.";
  const others = "They keep their account and their clusters, and lose access to the dashboard.";
  return action(list, {
    text: `${title}…`,
    item: user,
    method: "admin.setRole",
    input: { userId: user.id, role },
    done: `${who(user)} is ${role} now.`,
    question: {
      title: `${title}: ${displayName(user)}?`,
      text:
        role === "ADMIN"
          ? "An admin sees and changes everything, and can make more admins."
          : isSelf(user)
            ? own
            : others,
      detail: visible(user.id),
      detailLabel: "User id",
      action: title,
    },
  });
}

function softDelete(user, list) {
  const own = isSelf(user) ? "This is your own account, and you are signed out at once. " : "";
  return action(list, {
    text: "Delete…",
    item: user,
    method: "user.softDelete",
    input: { userId: user.id },
    done: `The account of ${who(user)} has been deleted.`,
    danger: true,
    question: {
      title: `Delete ${displayName(user)}?`,
      text: `${own}Their clusters are deleted, their tokens are revoked, and their name and email are erased. This can't be undone here.`,
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
