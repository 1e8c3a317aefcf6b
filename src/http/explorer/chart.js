// A chart: bars or lines over time, with a legend, a table of the same numbers, and the numbers of one bucket in words, which the
// pointer and the arrow keys choose.

import { chartTable } from "./chart-table.js";
import { el, uniqueId } from "./dom.js";
import { fitting } from "./facts.js";
import { drawPlot } from "./plot.js";
import { timeTexts } from "./scale.js";
import { svg } from "./svg.js";

/** By how many buckets a key moves. */
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -7, PageUp: 7 };

/**
 * A chart of `lines`, `{label, values, tone?}`, at the times `at`. `kind` is `bars`, on top of each other, or `lines`; a value may be
 * null. `bucket` is the width of a bucket and `format` writes the values (see scale.js). `tone` is a class of charts.css.
 */
export function chart({ title, note = null, at, lines, bucket, kind, format }) {
  const id = uniqueId("chart");
  const time = timeTexts(bucket);
  const shown = lines.map((line, index) => ({ tone: `tone-${index % 8}`, ...line }));
  const readOut = el("p", { class: "read-out", "aria-hidden": "true" });
  const slider = el("div", {
    class: "plot",
    role: "slider",
    tabindex: "0",
    "aria-labelledby": id,
    "aria-valuemin": 0,
    "aria-valuemax": at.length - 1,
  });
  let selected = at.length - 1;
  let plot = null;

  const text = (line, index) => {
    const value = line.values[index];
    return value === null ? "none" : format.long(value);
  };

  function select(index) {
    selected = Math.min(Math.max(index, 0), at.length - 1);
    const when = time.long(at[selected]);
    const facts = shown.map((line) => [line, `${line.label === "" ? "" : `${line.label} `}${text(line, selected)}`]);
    slider.setAttribute("aria-valuenow", String(selected));
    slider.setAttribute("aria-valuetext", `${when}: ${facts.map(([, fact]) => fact).join(", ")}`);
    const parts = facts.map(([line, fact]) =>
      el("span", {}, shown.length > 1 ? swatch(line, kind) : null, fitting("span", fact)),
    );
    readOut.replaceChildren(el("strong", {}, when), ...parts);
    plot?.mark(selected);
  }

  slider.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Home") select(0);
    else if (event.key === "End") select(at.length - 1);
    else if (STEPS[event.key] !== undefined) select(selected + STEPS[event.key]);
    else return;
    event.preventDefault();
  });
  const point = ({ clientX }) => plot && select(plot.bucketAt(clientX - slider.getBoundingClientRect().left));
  slider.addEventListener("pointermove", point);
  slider.addEventListener("pointerdown", point);

  const observer = new ResizeObserver(([entry]) => {
    if (!slider.isConnected) {
      observer.disconnect();
      return;
    }
    plot = drawPlot({ width: Math.floor(entry.contentRect.width), at, lines: shown, kind, format, time });
    slider.replaceChildren(plot.node);
    plot.mark(selected);
  });
  observer.observe(slider);
  select(selected);

  const legend = el(
    "ul",
    { class: "legend" },
    shown.map((line) => el("li", {}, swatch(line, kind), fitting("span", line.label))),
  );
  return el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, el("h3", { id }, title), note === null ? null : el("span", { class: "help" }, note)),
    readOut,
    slider,
    shown.length > 1 ? legend : null,
    chartTable({ title, at, lines: shown, format, time }),
  );
}

/** A piece of a line or bar, for the legend. */
function swatch({ tone }, kind) {
  const piece = kind === "bars" ? svg("rect", { x: 4, y: 1, width: 10, height: 10 }) : svg("path", { d: "M1 6H17" });
  return svg("svg", { class: `swatch ${kind} ${tone}`, width: 18, height: 12, "aria-hidden": "true" }, piece);
}
