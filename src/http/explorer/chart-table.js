// The numbers of a chart as a table, for screen readers and for copying.

import { copyButton } from "./copy.js";
import { safeCell } from "./csv.js";
import { el } from "./dom.js";

/** A part that opens to the table, which is made only then. */
export function chartTable({ title, at, lines, format, time }) {
  const content = el("div", { class: "chart-table" });
  const details = el("details", {}, el("summary", {}, "Table"), content);
  const names = lines.map(({ label }) => (label === "" ? title : label));
  details.addEventListener(
    "toggle",
    () => {
      const copy = copyButton(`${title} as a table`, () => tabbed([time.title, ...names], at, lines));
      const heads = [time.title, ...names].map((name) => el("th", { scope: "col" }, name));
      const rows = at.map((when, index) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, time.long(when)),
          lines.map(({ values }) => el("td", {}, values[index] === null ? "–" : format.long(values[index]))),
        ),
      );
      const table = el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows));
      // It scrolls, so it must be reachable by keyboard.
      const region = el(
        "div",
        { class: "scroll", role: "region", tabindex: "0", "aria-label": `${title}, table` },
        table,
      );
      content.replaceChildren(copy, region);
    },
    { once: true },
  );
  return details;
}

/** Lines of fields with tabs in between, which spreadsheets read. Times and numbers are as the server sent them. */
function tabbed(heads, at, lines) {
  const rows = at.map((when, index) => [when, ...lines.map(({ values }) => values[index] ?? "")]);
  return [heads, ...rows].map((row) => `${row.map(cell).join("\t")}\n`).join("");
}

/** Locations are chosen by callers. */
function cell(value) {
  return safeCell(value).replaceAll(/\s/gu, " ");
}
