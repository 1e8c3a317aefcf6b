// The dashboard's audit log: who changed what. New entries appear as they are written.

import { copyAction } from "./copy.js";
import { announce, el } from "./dom.js";
import { eventSentence } from "./events.js";
import { jsonBlock } from "./json.js";
import { showList } from "./list.js";
import { moment } from "./moment.js";
import { ACTORS, person, subject } from "./names.js";
import { watch } from "./rpc.js";

/** Characters of a detail that are shown before it is opened. */
const SHORT = 60;

/** The filters that the subscription has too. A list with another one, such as `until`, is not live. */
const LIVE = new Set(["actorId", "procedure", "entity", "entityId"]);

/** The kinds of things that change. */
const ENTITIES = [
  "user",
  "customer",
  "cluster",
  "apiToken",
  "session",
  "stripe_event",
  "stripe_session",
  "stripe_subscription",
  "stripe_account",
  "database",
];

/** What changes something without being a mutation: signing in, Stripe's events, the server by itself, and commands. */
const OTHERS = [
  "session.open",
  "session.close",
  "stripe.webhook",
  "bootstrap",
  "console-link",
  "import",
  "purge.addresses",
  "purge.audit",
  "purge.clusters",
  "purge.events",
  "purge.users",
  "purge.webhooks",
  "seed",
  "user.setRole",
  "webhooks.customers",
  "webhooks.reconcile",
  "webhooks.replay",
];

/** Shows the log in `node`. Returns a function that stops it. */
export function showAudit(node, registry, query) {
  let watching = { stop() {} };
  const mutations = registry.procedures.filter(({ kind }) => kind === "mutation").map(({ name }) => name);
  const list = showList(node, registry, {
    procedureName: "admin.auditLog",
    place: "dashboard/audit",
    noun: "Entries",
    query,
    choices: { entity: ENTITIES, procedure: [...mutations, ...OTHERS] },
    columns: [
      {
        title: "When",
        sort: "createdAt",
        cell: (entry) => moment(entry.createdAt),
        fields: { id: (entry) => entry.id, time: (entry) => entry.createdAt },
      },
      {
        title: "Who",
        cell: (entry) => person(entry.actorId, { cut: true }),
        fields: {
          actor: (entry) => entry.actorId,
          door: (entry) => entry.door,
          address: (entry) => entry.clientAddress,
        },
      },
      {
        title: "Procedure",
        cell: (entry) => el("code", { class: "cut", title: entry.procedure }, entry.procedure),
        fields: { procedure: (entry) => entry.procedure },
      },
      {
        title: "What",
        cell: (entry) => [el("span", { class: "help block" }, entry.entity), subject(entry, { cut: true })],
        fields: { entity: (entry) => entry.entity, entityId: (entry) => entry.entityId },
      },
      {
        title: "Detail",
        cell: (entry) => detail(entry),
        fields: { detail: (entry) => JSON.stringify(entry.detail), requestId: (entry) => entry.requestId },
      },
    ],
    actions: (entry) => ({ label: `entry ${entry.id}`, items: () => menu(entry) }),
    onFilter: (filters) => {
      watching.stop();
      watching = Object.keys(filters).every((name) => LIVE.has(name))
        ? watch("admin.watchAudit", filters, { onEvent: see })
        : { stop() {} };
    },
  });

  function see(event) {
    // Entries that were written between the first load and the start of the subscription.
    if (event.type === "ready") list.refresh();
    if (event.type !== "recorded") return;
    list.add(event.entry);
    announce(eventSentence(event));
  }

  return () => {
    watching.stop();
    list.stop();
  };
}

/** Links to the log, filtered by a value of this entry, and its ids to copy. */
function menu({ actorId, procedure, entity, entityId, requestId }) {
  const only = (text, filter) => ({ text, href: `#/dashboard/audit?${new URLSearchParams(filter)}` });
  return [
    only(`Only this ${entity}`, { entity, entityId }),
    only(`Only by ${ACTORS.has(actorId) ? actorId : "this user"}`, { actorId }),
    only(`Only ${procedure}`, { procedure }),
    ACTORS.has(actorId) ? null : copyAction("Copy the actor's id", actorId),
    copyAction(`Copy the id of the ${entity}`, entityId),
    copyAction("Copy request id", requestId),
  ];
}

/** Where a change came from, as far as that is known. */
function origin({ door, clientAddress, tokenId }) {
  const parts = [door ?? "unknown origin"];
  if (clientAddress !== null) parts.push(`from ${clientAddress}`);
  if (tokenId !== null) parts.push(`with API token ${tokenId}`);
  return parts.join(" ");
}

function detail(entry) {
  const label = `Detail of entry ${entry.id}`;
  const short = JSON.stringify(entry.detail);
  const summary = short.length > SHORT ? `${short.slice(0, SHORT)}…` : short;
  return el(
    "details",
    {},
    el("summary", {}, el("code", { class: "cut" }, summary)),
    jsonBlock(entry.detail, label),
    el("p", { class: "help" }, "Request id ", el("code", {}, entry.requestId)),
    el("p", { class: "help" }, origin(entry)),
  );
}
