// A small picture of how a number came about, without axes.

import { el } from "./dom.js";
import { svg } from "./svg.js";

const WIDTH = 120;
const HEIGHT = 34;

/** A line through `values`. `label` says what they are: there is no other text. */
export function sparkline(values, label) {
  const most = Math.max(...values, 0);
  const least = Math.min(...values, most);
  const x = (index) => (values.length < 2 ? WIDTH : (index / (values.length - 1)) * WIDTH);
  // A flat line lies at the bottom.
  const y = (value) => HEIGHT - 2 - (most === least ? 0 : (value - least) / (most - least)) * (HEIGHT - 4);
  const points = values.map((value, index) => `${x(index).toFixed(1)} ${y(value).toFixed(1)}`);
  const line = points.length < 2 ? `M0 ${HEIGHT - 2}H${WIDTH}` : `M${points.join("L")}`;
  return svg(
    "svg",
    {
      class: "sparkline",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    svg("path", { class: "area", d: `${line}V${HEIGHT}H0Z` }),
    svg("path", { class: "line", d: line }),
  );
}

/** The same with its caption. `format` writes the values (see scale.js). */
export function captioned(values, caption, { long }) {
  const [first, last] = [values[0], values[values.length - 1]];
  const label = `${caption}: from ${long(first)} to ${long(last)}, at most ${long(Math.max(...values))}`;
  return [sparkline(values, label), el("span", { class: "help", "aria-hidden": "true" }, caption)];
}

/** A number with its picture, among facts. There is none without values. */
export function withPicture(number, values, caption, format) {
  if (values === null || values.length === 0) return number;
  return [number, el("div", { class: "spark" }, captioned(values, caption, format))];
}
