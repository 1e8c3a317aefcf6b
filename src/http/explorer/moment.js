// Points in time: short, in the reader's zone, exact on hover.

import { el } from "./dom.js";

const today = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const otherDay = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A `<time>` for an RFC 3339 text; a dash for none. */
export function moment(text) {
  if (!text) return "–";
  const at = new Date(text);
  const format = at.toDateString() === new Date().toDateString() ? today : otherDay;
  return el("time", { datetime: text, title: text }, format.format(at));
}
