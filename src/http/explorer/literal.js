// Inputs as literals of programming languages.

import { prettyJson } from "./json.js";

/** A string of JSON, or one of its words. */
const STRING_OR_WORD = /"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b/g;
const PYTHON = { true: "True", false: "False", null: "None" };
/** Literals up to this length are on one line. */
const SHORT = 40;

export function isEmpty(input) {
  return input === undefined || (typeof input === "object" && input !== null && Object.keys(input).length === 0);
}

/** TypeScript: without the quotes that keys do not need. The fields in `moments` are Dates. */
export function typescript(input, moments = []) {
  const text = prettyJson(input).replace(/^(\s*)"([A-Za-z_$][\w$]*)":/gm, "$1$2:");
  if (moments.length === 0) return short(text);
  const field = new RegExp(`^(\\s*)(${moments.join("|")}): ("[^"]*")`, "gm");
  return short(text.replace(field, "$1$2: new Date($3)"));
}

/** Python. The escapes in strings are those of JSON. Lines after the first begin with `indent`. */
export function python(input, indent = "") {
  const text = JSON.stringify(input, null, 4) ?? "None";
  const literal = text.replace(STRING_OR_WORD, (token) => PYTHON[token] ?? token);
  return short(literal.replaceAll("\n", `\n${indent}`), "");
}

/** On one line, if it fits, with `padding` inside braces. Strings have no line breaks of their own. */
function short(text, padding = " ") {
  const line = text
    .replace(/([{[])\n\s*/g, (_, bracket) => (bracket === "{" ? `{${padding}` : "["))
    .replace(/\n\s*([}\]])/g, (_, bracket) => (bracket === "}" ? `${padding}}` : "]"))
    .replace(/\n\s*/g, " ");
  return line.length <= SHORT ? line : text;
}
