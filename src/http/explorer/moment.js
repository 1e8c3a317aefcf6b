// Timestamps: short and in the user's time zone; the tooltip has the exact value.

import { el } from "./dom.js";

const today = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const otherDay = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A `<time>` element for an RFC 3339 timestamp; a dash if there is none. */
export function moment(text) {
  if (!text) return "–";
  const at = new Date(text);
  const format = at.toDateString() === new Date().toDateString() ? today : otherDay;
  return el("time", { datetime: text, title: text }, format.format(at));
}
