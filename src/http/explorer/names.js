// What users and clusters are called. Ids are long, so a link to a user shows the name as soon as it is known; the id is in its title.

import { el } from "./dom.js";
import { call } from "./rpc.js";
import { session } from "./session.js";
import { visible } from "./visible.js";

/** Who appears in the audit log without being a user. */
export const ACTORS = new Set(["cli", "bootstrap", "stripe", "server"]);
/** The most names that are asked for at a time. */
const MOST = 100;
/** Longer ids are shortened in the middle while there is no name. */
const SHORT = 20;
const INVISIBLE = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu;

/** The names by id; null for a user without one. */
const known = new Map();
/** The links that wait for a name, by id. */
const waiting = new Map();

session.onChange(() => known.clear());

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

/** A link to the page of a user; plain text for who is none. In a table it may be `cut` to one line. */
export function person(id, { cut = false } = {}) {
  if (id === null) return "deleted user";
  if (ACTORS.has(id)) return id;
  const link = el("a", { href: userLink(id), class: `person ${cut ? "cut" : "fit"}` });
  show(id, link);
  if (!known.has(id)) ask(id, link);
  return link;
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

function show(id, link) {
  const name = known.get(id) ?? null;
  link.title = who({ id, name });
  link.replaceChildren(name === null ? el("code", {}, shortId(id)) : el("bdi", {}, name));
}

function ask(id, link) {
  if (waiting.size === 0) queueMicrotask(askAll);
  waiting.set(id, [...(waiting.get(id) ?? []), link]);
}

/** Asks for all names that are missing on the page at once. */
async function askAll() {
  const links = [...waiting];
  waiting.clear();
  for (let at = 0; at < links.length; at += MOST) await askFor(links.slice(at, at + MOST));
}

async function askFor(links) {
  try {
    const { result } = await call("admin.names", { userIds: links.map(([id]) => id) });
    for (const [id] of links) known.set(id, null);
    for (const user of result) note(user);
    for (const [id, all] of links) for (const link of all) show(id, link);
  } catch {
    // The ids stay.
  }
}
