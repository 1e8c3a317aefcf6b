// The page of a user: profile, plan and payments, clusters, tokens, audit trail, and what an admin can do.

import { badge } from "./badge.js";
import { deleteButton, restoreButton } from "./cluster-actions.js";
import { el } from "./dom.js";
import { concernedUsers } from "./events.js";
import { copyable, cut, facts, fitting } from "./facts.js";
import { moment } from "./moment.js";
import { clusterLink, clusterName, displayName, nameOf, note } from "./names.js";
import { payments } from "./payments.js";
import { call, watchAll } from "./rpc.js";
import { session } from "./session.js";
import { section, showThing, thirdSection, wideSection } from "./thing.js";
import { lastUse } from "./tokens.js";
import { trail } from "./trail.js";
import { eraseButton, reconcileButton, roleButton, softDeleteButton } from "./user-actions.js";

/** Shows the user with this id. Returns a function that stops it. */
export function showUser(main, id) {
  return showThing(main, {
    back: { href: "#/dashboard/users", text: "Users" },
    title: "User",
    load: async () => (await call("admin.getUser", { userId: id })).result,
    render,
    missing: (page) => missing(id, page),
    watch: (page) => follow(id, page),
  });
}

/** Shows what happens to the account and its clusters, whoever does it. */
function follow(id, page) {
  // Something may have changed since the page was read, or while events were lost.
  const see = ({ type, entry }) => {
    if (type !== "recorded" || concernedUsers(entry).has(id)) page.refresh();
  };
  return watchAll([
    ["admin.watchAudit", {}, { onEvent: see }],
    ["k8s.watch", { userId: id }, { onEvent: () => page.refresh() }],
  ]);
}

function render(user, page) {
  note(user);
  const { id, role, deletedAt, allowance } = user;
  return {
    title: displayName(user),
    badges: [
      badge(role),
      badge(allowance),
      deletedAt ? badge("DELETED") : null,
      id === session.user?.id ? badge("you", "green") : null,
    ],
    content: [
      section("Profile", profile(user)),
      section(
        "Plan and payments",
        payments(user),
        paysSomehow(user) ? el("div", { class: "buttons" }, reconcileButton(user, page)) : null,
      ),
      thirdSection("Account", ...account(user, page)),
      wideSection("Clusters", clusters(user, page)),
      wideSection("Tokens", tokens(user, page)),
      ...trails(id, page),
    ],
  };
}

const paysSomehow = ({ customer, subscriptions }) => customer !== null || subscriptions.length > 0;

/** Who was deleted for good has no record, but may be in the audit log. */
function missing(id, page) {
  return [
    el(
      "div",
      { class: "empty whole" },
      el("p", {}, "There is no user with this id. Maybe the account was deleted for good."),
      el("p", {}, copyable("the id", id)),
    ),
    ...trails(id, page),
  ];
}

function profile({ id, name, email, image, role, createdAt, updatedAt, deletedAt }) {
  return facts([
    ["Name", nameOf(name) ? fitting("bdi", name) : null],
    ["Email", email ? fitting("span", email) : null],
    ["Id", copyable("the user's id", id)],
    ["Role", badge(role)],
    image ? ["Picture", fitting("span", image)] : null,
    ["Joined", moment(createdAt)],
    ["Changed", moment(updatedAt)],
    deletedAt ? ["Deleted", moment(deletedAt)] : null,
  ]);
}

function account(user, page) {
  const buttons = user.deletedAt
    ? [eraseButton(user, page)]
    : [roleButton(user, page), softDeleteButton(user, page), eraseButton(user, page)];
  const text = user.deletedAt
    ? "The account was soft-deleted: the records are kept, without a name. It can be deleted for good."
    : "A soft deletion keeps the records for accounting; a deletion for good leaves only the audit log.";
  return [el("p", { class: "help" }, text), el("div", { class: "buttons" }, buttons)];
}

function clusters({ id }, page) {
  return page.table({
    procedure: "admin.listClusters",
    input: { userId: id, includeDeleted: true },
    noun: "Clusters",
    empty: "This user has no clusters, not even deleted ones.",
    columns: [
      {
        title: "Cluster",
        cell: (one) => [
          el("a", { href: clusterLink(one.id) }, cut(clusterName(one))),
          el("code", { class: "help block" }, `#${one.id}`),
        ],
      },
      { title: "Plan", cell: ({ plan }) => badge(plan) },
      { title: "Status", cell: ({ status }) => badge(status) },
      { title: "Location", cell: ({ location }) => cut(location, "short") },
      { title: "Created", sort: "createdAt", cell: ({ createdAt }) => moment(createdAt) },
      { title: "Changed", cell: ({ updatedAt }) => moment(updatedAt) },
      {
        title: "Actions",
        cell: (one, table) => {
          const list = { ...page, ...table };
          const button = one.deletedAt === null ? deleteButton(one, list, one) : restoreButton(one, list, one);
          return el("div", { class: "actions" }, button);
        },
      },
    ],
  });
}

function tokens({ id }, page) {
  const query = new URLSearchParams({ userId: id });
  return [
    page.table({
      procedure: "token.list",
      input: { userId: id },
      isPaged: false,
      noun: "Tokens",
      empty: "There is no API token.",
      columns: [
        {
          title: "Token",
          cell: ({ id: number, name, hint }) => [
            cut(name),
            el("code", { class: "help block" }, hint === null ? `#${number}` : `#${number} …${hint}`),
          ],
        },
        { title: "Scope", cell: ({ scope }) => badge(scope) },
        { title: "State", cell: (token) => badge(tokenState(token)) },
        { title: "Created", cell: ({ createdAt }) => moment(createdAt) },
        { title: "Expires", cell: ({ expiresAt }) => (expiresAt ? moment(expiresAt) : "never") },
        { title: "Last used", cell: (token) => lastUse(token) },
      ],
    }),
    el(
      "p",
      { class: "help inline" },
      el("a", { href: `#/access/tokens?${query}` }, "Make, rotate and revoke tokens"),
      el("a", { href: `#/access/sessions?${query}` }, "Browsers that are signed in"),
    ),
  ];
}

function tokenState({ revokedAt, expiresAt }) {
  if (revokedAt !== null) return "revoked";
  return expiresAt !== null && new Date(expiresAt) <= new Date() ? "expired" : "live";
}

function trails(id, page) {
  return [
    wideSection(
      "What they did",
      trail(page.table, "Changes", { actorId: id }, { empty: "They have changed nothing.", isBySomebody: true }),
    ),
    wideSection(
      "What was done to the account",
      trail(page.table, "Entries", { entity: "user", entityId: id }, { empty: "Nobody has changed it." }),
    ),
  ];
}
