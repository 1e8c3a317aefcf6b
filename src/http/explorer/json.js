// Indented JSON with syntax highlighting.

import { el } from "./dom.js";

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Longer texts, in characters, are not highlighted: an element for each token would make the page slow. */
const HIGHLIGHTED = 60_000;

export function prettyJson(value) {
  return JSON.stringify(value, null, 2) ?? "null";
}

/** A block of JSON that can be scrolled with the keyboard. */
export function jsonBlock(value, label) {
  const text = prettyJson(value);
  return el(
    "pre",
    { class: "json", tabindex: "0", role: "group", "aria-label": label },
    el("code", {}, highlighted(text)),
  );
}

function highlighted(text) {
  if (text.length > HIGHLIGHTED) return [text];
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    parts.push(text.slice(at, match.index));
    const [token, string, colon] = match;
    if (string && colon) parts.push(el("span", { class: "t-key" }, string), colon);
    else
      parts.push(
        el(
          "span",
          { class: string ? "t-text" : /[a-z]/.test(token) && !/\d/.test(token) ? "t-word" : "t-number" },
          token,
        ),
      );
    at = match.index + token.length;
  }
  parts.push(text.slice(at));
  return parts;
}
