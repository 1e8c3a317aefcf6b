"""Plots as SVG, readable on light and dark pages."""

import math
import os

from subjects import TITLES

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 60, 130, 36, 40
COLOURS = {
    "bare": "#7a7a7a",
    "old": "#b8860b",
    "lean": "#2e8b57",
    "axum": "#c2410c",
    "postgres": "#2563eb",
    "sqlite": "#9333ea",
}
STYLE = """text { font: 12px system-ui, sans-serif; fill: #333 } .axis { stroke: #999 } .grid { stroke: #ccc; stroke-width: .5 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .axis { stroke: #777 } .grid { stroke: #555 } }"""


def number(value):
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def chart(title, labels, series, unit):
    """A line for each subject over evenly spaced labels, on a logarithmic scale."""
    values = [value for line in series.values() for value in line if value > 0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    def x(at):
        return LEFT + at * (WIDTH - LEFT - RIGHT) / max(1, len(labels) - 1)

    def y(value):
        return HEIGHT - BOTTOM - (math.log10(value) - low) * (HEIGHT - TOP - BOTTOM) / (high - low)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">',
        f"<style>{STYLE}</style>",
        f'<text x="{LEFT}" y="18">{title} ({unit})</text>',
    ]
    for power in range(low, high + 1):
        at = y(10**power)
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.0f}" y2="{at:.0f}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{at + 4:.0f}" text-anchor="end">{number(10**power)}</text>')
    for at, label in enumerate(labels):
        out.append(f'<text x="{x(at):.0f}" y="{HEIGHT - 16}" text-anchor="middle">{label}</text>')
    out.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    taken = []
    for name, line in sorted(series.items(), key=lambda item: -item[1][-1]):
        points = " ".join(f"{x(at):.1f},{y(max(value, 10**low)):.1f}" for at, value in enumerate(line))
        out.append(f'<polyline fill="none" stroke="{COLOURS[name]}" stroke-width="2" points="{points}"/>')
        # Labels of lines that end close to each other are moved apart.
        at = max([y(max(line[-1], 10**low)) + 4] + [other + 14 for other in taken[-1:]])
        taken.append(at)
        out.append(f'<text x="{WIDTH - RIGHT + 8}" y="{at:.0f}" style="fill: {COLOURS[name]}">{TITLES[name]}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def write(bench, folder):
    os.makedirs(folder, exist_ok=True)
    charts = {}
    for kind, title in (("hello", "hello.hello"), ("list", "k8s.list"), ("churn", "create and delete")):
        sweep = {int(name.rpartition(", ")[2]): runs for name, runs in bench.results.items() if name.startswith(f"connections: {kind}, ")}
        if sweep:
            names = [name for name in TITLES if all(name in runs for runs in sweep.values())]
            lines = {name: [runs[name].rate for runs in sweep.values()] for name in names}
            charts[f"connections-{kind}"] = chart(f"{title}: throughput by connections", list(sweep), lines, "calls/s")
        if kind in bench.results:
            lines = {name: [run.p50, run.p90, run.p99, run.p999] for name, run in bench.results[kind].items()}
            labels = ["p50", "p90", "p99", "p99.9"]
            charts[f"latency-{kind}"] = chart(f"{title}: latency, 32 connections", labels, lines, "ms")
    for name, text in charts.items():
        with open(os.path.join(folder, f"{name}.svg"), "w") as file:
            file.write(text)
