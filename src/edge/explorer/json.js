// JSON for reading: indented, and coloured where that is affordable.

import { el } from "./dom.js";

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Characters beyond which a browser has better things to do than colours. */
const COLOURED = 60_000;

export function prettyJson(value) {
  return JSON.stringify(value, null, 2) ?? "null";
}

/** A block of JSON that can be scrolled by keyboard. */
export function jsonBlock(value, label) {
  const text = prettyJson(value);
  return el(
    "pre",
    { class: "json", tabindex: "0", role: "group", "aria-label": label },
    el("code", {}, coloured(text)),
  );
}

function coloured(text) {
  if (text.length > COLOURED) return [text];
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
