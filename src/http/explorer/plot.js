// The picture of a chart, as SVG for a width in pixels.

import { ticks } from "./scale.js";
import { svg } from "./svg.js";

const HEIGHT = 230;
const TOP = 10;
const BOTTOM = 26;
const RIGHT = 12;
/** Pixels of a digit, and of a label of the horizontal axis with its distance from the next. */
const DIGIT = 7;
const LABEL = 84;

/** Draws it. Returns `{node, mark(index), bucketAt(x)}`. */
export function drawPlot({ width, at, lines, kind, format, time }) {
  const most = Math.max(0, ...totals(at, lines, kind));
  const marks = ticks(most, 4, format.isWhole);
  const left = 12 + DIGIT * Math.max(...marks.map((mark) => format.short(mark).length));
  const inner = Math.max(1, width - left - RIGHT);
  const band = inner / Math.max(1, at.length);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / marks[marks.length - 1]);
  const x = (index) => left + band * (index + 0.5);
  const cursor = svg("g", { class: "cursor" });
  const pictures = kind === "bars" ? bars(lines, { x, y, band }) : lines.map((line) => lineOf(line, { x, y }));
  const node = svg(
    "svg",
    { width, height: HEIGHT, "aria-hidden": "true" },
    marks.map((mark) => tickOf(format.short(mark), { left, right: width - RIGHT, y: y(mark) })),
    times(at, { time, x, inner, last: width - 2 }),
    pictures,
    cursor,
  );

  function mark(index) {
    const points = kind === "bars" ? [] : lines.filter(({ values }) => values[index] !== null);
    cursor.replaceChildren(
      svg("path", { d: `M${px(x(index))} ${TOP}V${HEIGHT - BOTTOM}` }),
      ...points.map(({ tone, values }) =>
        svg("circle", { class: tone, cx: px(x(index)), cy: px(y(values[index])), r: 4 }),
      ),
    );
  }

  const bucketAt = (offset) => Math.min(Math.max(Math.floor((offset - left) / band), 0), at.length - 1);
  return { node, mark, bucketAt };
}

const px = (number) => Math.round(number * 10) / 10;

/** The greatest heights that there are: those of the piles of bars, or those of the lines. */
function totals(at, lines, kind) {
  if (kind !== "bars") return lines.flatMap(({ values }) => values.map((value) => value ?? 0));
  return at.map((_, index) => lines.reduce((sum, { values }) => sum + (values[index] ?? 0), 0));
}

function tickOf(text, { left, right, y }) {
  return svg(
    "g",
    { class: "tick" },
    svg("path", { d: `M${left} ${px(y)}H${right}` }),
    svg("text", { x: left - 6, y: px(y) + 4, "text-anchor": "end" }, text),
  );
}

/** As many labels as fit, counted from the latest time. */
function times(at, { time, x, inner, last }) {
  const every = Math.max(1, Math.ceil(at.length / Math.max(1, Math.floor(inner / LABEL))));
  const labels = [];
  for (let index = at.length - 1; index >= 0; index -= every) {
    const isAtEnd = x(index) + LABEL / 2 > last;
    const place = { x: isAtEnd ? last : px(x(index)), y: HEIGHT - 8, "text-anchor": isAtEnd ? "end" : "middle" };
    labels.push(svg("text", place, time.short(at[index])));
  }
  return svg("g", { class: "times" }, labels);
}

/** Bars on top of each other: one path for each line, so that a year has no thousand elements. */
function bars(lines, { x, y, band }) {
  const gap = band > 4 ? Math.min(band * 0.25, 10) : 0;
  const floor = [];
  return lines.map(({ tone, values }) => {
    const boxes = values.map((value, index) => {
      const from = floor[index] ?? 0;
      floor[index] = from + (value ?? 0);
      if (!value) return "";
      const begin = px(x(index) - band / 2 + gap / 2);
      return `M${begin} ${px(y(from))}V${px(y(floor[index]))}h${Math.max(px(band - gap), 0.5)}V${px(y(from))}Z`;
    });
    return svg("path", { class: `bars ${tone}`, d: boxes.join("") });
  });
}

/** A line with gaps where there is no value. A value between two gaps is a dot. */
function lineOf({ tone, values }, { x, y }) {
  const steps = values.map((value, index) => {
    if (value === null) return "";
    const follows = index > 0 && values[index - 1] !== null;
    const point = `${px(x(index))} ${px(y(value))}`;
    return follows ? `L${point}` : `M${point}h0`;
  });
  return svg("path", { class: `lines ${tone}`, d: steps.join("") });
}
