// What users and clusters are called. Ids are long, so a link to a user shows the name as soon as it is known; the id is in its title.

import { el } from "./dom.js";
import { call } from "./rpc.js";
import { session } from "./session.js";
import { visible } from "./visible.js";

/** Who appears in the audit log without being a user. */
export const ACTORS = new Set(["cli", "bootstrap", "stripe", "server"]);
/** The most names that are asked for at a time. */
const MOST = 100;
/** Milliseconds from one time to the next: a busy server tells of many users in a row. */
const APART = 5000;
/** Longer ids are shortened in the middle while there is no name. */
const SHORT = 20;
const INVISIBLE = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu;

/** The names by id; null for a user without one. */
const known = new Map();
/** The elements that wait for a name, by id. */
const waiting = new Map();
/** When names may be asked for again. */
let next = 0;

session.onChange(() => {
  known.clear();
  if (session.user) note(session.user);
});

/** The address of a user's page. */
export function userLink(id) {
  return `#/user/${encodeURIComponent(id)}`;
}

/** The address of a cluster's page. */
export function clusterLink(id) {
  return `#/cluster/${encodeURIComponent(id)}`;
}

/** A name that can be seen; null if there is none. */
export function nameOf(name) {
  return name && name.replace(INVISIBLE, "") !== "" ? name : null;
}

/** A name in a sentence, whose direction of writing changes nothing around it (Unicode Standard Annex 9: FSI, PDI). */
export function quoted(name) {
  return `\u2068${name}\u2069`;
}

/** An id that fits into a line. */
export function shortId(id) {
  const characters = [...visible(id)];
  return characters.length <= SHORT
    ? characters.join("")
    : `${characters.slice(0, 11).join("")}…${characters.slice(-6).join("")}`;
}

/** What a user is called where there is room for a few words. */
export function displayName({ id, name }) {
  return nameOf(name) ?? shortId(id);
}

/** Names a user exactly: several may have the same name. */
export function who({ id, name }) {
  return nameOf(name) ? `${quoted(name)} (${visible(id)})` : visible(id);
}

/** What a cluster is called: its name, with escapes if there is nothing to see. */
export function clusterName({ name }) {
  return nameOf(name) ?? visible(name);
}

/** Names a cluster exactly, in a sentence. */
export function whichCluster(cluster) {
  return `${quoted(clusterName(cluster))} #${cluster.id}`;
}

/**
 * A link to the page of a user; plain text for who is none. In a table it may be `cut` to one line, and where a link is in the way
 * it `isText`, part of a line that cuts it. Only admins can follow it, and only they are told the names of others.
 */
export function person(id, { cut = false, isText = false } = {}) {
  if (id === null) return "deleted user";
  if (ACTORS.has(id)) return id;
  const looks = `person ${cut ? "cut" : "fit"}`;
  const node = isText
    ? el("span", { class: "person" })
    : session.isAdmin
      ? el("a", { href: userLink(id), class: looks })
      : el("span", { class: looks });
  show(id, node);
  if (session.isAdmin && !known.has(id)) ask(id, node);
  return node;
}

/** What a user is called in a text that is read out once: the id, shortened, if the name has not come yet. */
export function spokenName(id) {
  return id === null ? "a deleted user" : ACTORS.has(id) ? id : displayName({ id, name: known.get(id) ?? null });
}

/** What an entry of the audit log is about, with a link to its page if it has one. */
export function subject({ entity, entityId }, { cut = false } = {}) {
  if (entity === "user") return person(entityId, { cut });
  const looks = { class: cut ? "cut" : "fit", title: visible(entityId) };
  if (entity === "cluster") return el("a", { ...looks, href: clusterLink(entityId) }, `#${visible(entityId)}`);
  return el("code", looks, visible(entityId));
}

/** Notes a name that came with something else. */
export function note({ id, name }) {
  known.set(id, nameOf(name));
}

function show(id, node) {
  const name = known.get(id) ?? null;
  node.title = who({ id, name });
  node.replaceChildren(name === null ? el("code", {}, shortId(id)) : el("bdi", {}, name));
}

function ask(id, node) {
  if (waiting.size === 0) {
    if (performance.now() >= next) queueMicrotask(askAll);
    else setTimeout(askAll, next - performance.now());
  }
  waiting.set(id, [...(waiting.get(id) ?? []), node]);
}

/** Asks for all names that are missing on the page at once. */
async function askAll() {
  const nodes = [...waiting];
  waiting.clear();
  next = performance.now() + APART;
  for (let at = 0; at < nodes.length; at += MOST) await askFor(nodes.slice(at, at + MOST));
}

async function askFor(nodes) {
  try {
    const { result } = await call("admin.names", { userIds: nodes.map(([id]) => id) });
    for (const [id] of nodes) known.set(id, null);
    for (const user of result) note(user);
    for (const [id, all] of nodes) for (const node of all) show(id, node);
  } catch (error) {
    // The ids stay. A token that may not know the names never will.
    if (error.code === "FORBIDDEN") for (const [id] of nodes) known.set(id, null);
  }
}
