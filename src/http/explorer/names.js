// Users by their names. Ids are long, so a link to a user shows the name as soon as it is known; the id is its title.

import { el } from "./dom.js";
import { call } from "./rpc.js";
import { session } from "./session.js";
import { visible } from "./visible.js";

/** Who appears in the audit log without being a user. */
const ACTORS = new Set(["cli", "bootstrap", "stripe", "server"]);
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

/** A link to the page of a user; plain text for who is none. */
export function person(id) {
  if (id === null) return "deleted user";
  if (ACTORS.has(id)) return id;
  const link = el("a", { href: userLink(id), title: visible(id), class: "person" }, show(id));
  if (!known.has(id)) ask(id, link);
  return link;
}

/** Notes a name that came with something else. */
export function note({ id, name }) {
  known.set(id, nameOf(name));
}

function show(id) {
  const name = known.get(id);
  return name ? el("bdi", {}, name) : el("code", {}, shortId(id));
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
    for (const [id, all] of links) for (const link of all) link.replaceChildren(show(id));
  } catch {
    // The ids stay.
  }
}
