// Timestamps in words, such as "3 hours ago". The exact time, in the user's time zone, is in the tooltip, and beside the words while
// the focus is in the same row.

import { el } from "./dom.js";

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
/** Each unit and its length in seconds. */
const UNITS = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
]);
/** Times that are farther away are dates. */
const FAR = 30 * 86_400;

/** A `<time>` element for an RFC 3339 timestamp; a dash if there is none. */
export function moment(text) {
  if (!text) return "–";
  const at = new Date(text);
  const exact = EXACT.format(at);
  return el("time", { datetime: text, title: `${exact} (${text})`, "data-exact": exact, class: "moment" }, words(at));
}

/** `in 2 days`, `3 hours ago`, `now`, or a date. */
function words(at) {
  const seconds = (at.getTime() - Date.now()) / 1000;
  if (Math.abs(seconds) >= FAR) return DATE.format(at);
  const [unit, length] = UNITS.find(([, least]) => Math.abs(seconds) >= least) ?? ["second", 0];
  return unit === "second" ? RELATIVE.format(0, "second") : RELATIVE.format(Math.trunc(seconds / length), unit);
}

/** Keeps the words of all timestamps of the page right. */
export function startMoments() {
  setInterval(() => {
    for (const time of document.querySelectorAll("time.moment")) {
      const now = words(new Date(time.getAttribute("datetime")));
      if (time.textContent !== now) time.textContent = now;
    }
  }, 20_000);
}
