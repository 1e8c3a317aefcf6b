// The dashboard's users, with menus that change a role or delete an account.

import { action } from "./action.js";
import { badge } from "./badge.js";
import { copyAction } from "./copy.js";
import { el } from "./dom.js";
import { concernedUsers } from "./events.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";
import { displayName, userLink, who } from "./names.js";
import { watch } from "./rpc.js";
import { exactly, userDeletion, userRole } from "./user-actions.js";
import { visible } from "./visible.js";

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
          el(
            "a",
            { class: "cut wide strong", href: userLink(user.id), title: who(user) },
            el("bdi", {}, displayName(user)),
          ),
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
    actions: (user, list) => ({ label: exactly(user), items: () => menu(user, list) }),
  });
  const { stop } = watch(
    "admin.watchAudit",
    {},
    {
      onEvent: ({ type, entry }) => {
        // Changes between the first load and the start of the subscription, and those that it could not deliver in time.
        if (type !== "recorded") return list.refresh();
        const changed = [...concernedUsers(entry)].map((id) => list.get(id)).filter(Boolean);
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

function clusters({ id, activeClusters, deletedAt }) {
  const href = `#/dashboard/clusters?${new URLSearchParams({ userId: id, ...(deletedAt ? { includeDeleted: "true" } : {}) })}`;
  return el("a", { href, "aria-label": `${activeClusters} active clusters of ${visible(id)}` }, String(activeClusters));
}

function menu(user, list) {
  const history = new URLSearchParams({ entity: "user", entityId: user.id });
  const ask = (about) => action(list, { ...about, text: `${about.text}…`, item: user });
  return [
    user.deletedAt ? null : ask(userRole(user)),
    { text: "Clusters", href: `#/dashboard/clusters?${new URLSearchParams({ userId: user.id })}` },
    { text: "History", href: `#/dashboard/audit?${history}` },
    copyAction("Copy id", user.id),
    user.deletedAt ? null : ask(userDeletion(user)),
  ];
}
