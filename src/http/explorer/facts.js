// Lists of facts: terms and what they are.

import { copyButton } from "./copy.js";
import { el } from "./dom.js";
import { visible } from "./visible.js";

/** A list of `[term, fact]`. Rows that are null are left out, and a fact that is null is a dash. */
export function facts(rows) {
  const known = rows.filter((row) => row !== null);
  return el(
    "dl",
    { class: "facts" },
    known.map(([term, fact]) => [el("dt", {}, term), el("dd", {}, fact ?? "–")]),
  );
}

/** A text that breaks between its words only. The end of a word that is longer than a line is in the tooltip. */
export function fitting(tag, text) {
  return el(tag, { class: "fit", title: text }, text);
}

/** A text in one line, all of which can be read by scrolling, also with the keyboard. */
export function scrolling(label, text) {
  return el("code", { class: "scrolling", tabindex: "0", role: "group", "aria-label": label }, text);
}

/** A name in a table, in one line. */
export function cut(text, width = "") {
  return el("span", { class: `cut ${width}`, title: text }, el("bdi", {}, text));
}

/** An id, with a button that copies it. */
export function copyable(what, id) {
  return el(
    "span",
    { class: "copyable" },
    fitting("code", visible(id)),
    copyButton(what, () => id),
  );
}

/** A link to another site. */
export function outside(href, text, label = text) {
  return el(
    "a",
    { href, target: "_blank", rel: "noopener noreferrer", "aria-label": `${label} (opens Stripe)` },
    text,
    " ↗",
  );
}

/** A name such as `customer.subscription.created`, which breaks between its words only. */
export function dotted(name) {
  return el("code", { class: "fit", title: visible(name) }, broken(visible(name), /(?<=[._])/));
}

/** JSON in one line, which breaks between its parts if there is room for these. */
export function jsonLine(text) {
  return el("code", { class: "fit" }, broken(text, /(?<=[,:{[])/));
}

function broken(text, where) {
  return text.split(where).map((part, index) => [index > 0 ? el("wbr") : null, part]);
}
