"""The tables, and docs/PERFORMANCE.md."""

import datetime
import os
import platform
import subprocess
import sys

import plot
from scenarios import Run
from subjects import ROOT, TITLES

ROWS = {
    "hello": "`hello.hello`",
    "list": "`k8s.list`",
    "summary": "`user.summary`",
    "churn": "`k8s.create`, then `k8s.delete`",
    "stats": "`admin.getStats`, 4 connections",
    "batch": "20 `k8s.list` in one message (lists/s)",
    "slow-disk": "create and delete, 2 ms a commit",
    "two-servers": "create and delete, two servers",
}
PAGE = os.path.join(ROOT, "docs/PERFORMANCE.md")
README = os.path.join(ROOT, "README.md")


def short(value):
    return f"{value / 1000:.0f}k" if value >= 10_000 else f"{value / 1000:.1f}k" if value >= 1000 else f"{value:.0f}"


def cost(run):
    return f"{run.server:.0f}+{run.database:.0f}" if run.database >= 0.5 else f"{run.server:.0f}"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def comparison(bench, cell):
    """A row a scenario, a column a subject."""
    columns = [name for name in TITLES if any(name in bench.results.get(row, {}) for row in ROWS)]
    rows = [
        [title] + [cell(bench.results[row][name]) if name in bench.results[row] else "" for name in columns]
        for row, title in ROWS.items()
        if row in bench.results
    ]
    return table([""] + [TITLES[name] for name in columns], rows) if rows else ""


def grouped(bench, prefix, cell):
    """The results named `prefix: row, column`, one table for each subject's share of the cell."""
    found = {name.removeprefix(prefix + ": "): runs for name, runs in bench.results.items() if name.startswith(prefix + ": ")}
    if not found:
        return ""
    columns = list(dict.fromkeys(name.rpartition(", ")[2] for name in found))
    keys = [
        (kind, subject)
        for kind in dict.fromkeys(name.rpartition(", ")[0] for name in found)
        for subject in TITLES
        if any(subject in runs for name, runs in found.items() if name.rpartition(", ")[0] == kind)
    ]
    rows = [
        [f"{kind}: {TITLES[subject]}"]
        + [cell(found[f"{kind}, {column}"][subject]) if subject in found.get(f"{kind}, {column}", {}) else "" for column in columns]
        for kind, subject in keys
    ]
    return table([""] + [f"{int(column):,}" for column in columns], rows)


def copied(bench, found):
    """The copies of a database, which are measured on their own."""
    titles = {"postgres": "SQLite to PostgreSQL", "sqlite": "PostgreSQL to SQLite"}
    rows = [[titles[name], f"{one['seconds']:.0f}", f"{one['memory_mb']:.0f}"] for name, one in found.items()]
    lines = f"{max(one['rows'] for one in found.values()):,} rows in all, {of_today()}:\n\n"
    return lines + table(["", "s", "memory, MB"], rows)


def of_today():
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False)
    return f"{datetime.date.today()}, commit {commit.stdout.strip()}"


def machine(bench):
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    file_system = subprocess.run(["stat", "-f", "-c", "%T", "/var/tmp"], capture_output=True, text=True, check=False)
    command = " ".join(["benches/run", *sys.argv[1:]])
    return (
        f"`{command}` on {of_today()}: {os.cpu_count()} × "
        f"{models[0] if models else platform.machine()}, Linux {platform.release()}, {file_system.stdout.strip()}, "
        f"PostgreSQL {bench.postgres.version}. {bench.users:,} users; medians of {bench.rounds} interleaved rounds of "
        f"{bench.seconds} s. The load tool runs on the same cores. Load average before the start: {bench.busy:.1f}.\n"
    )


def pages(bench):
    """The generated parts of the page, by name."""
    loaded = [run for runs in bench.results.values() for run in runs.values() if isinstance(run, Run)]
    failed = sum(run.failed for run in loaded)
    measured = bench.results.get("process", {})
    memory = table(
        ["", "start to first answer, ms", "idle, MB", "10,000 idle sockets, MB", "after closing, MB", "under load, MB"],
        [
            [TITLES[name]] + [f"{found[key]:.0f}" for key in ("start_ms", "idle_mb", "sockets_mb", "closed_mb", "load_mb")]
            for name, found in measured.items()
        ],
    )
    peers = table(
        ["memory after the runs above, MB", *(TITLES[name] for name in TITLES if name in bench.rss)],
        [["", *(f"{bench.rss[name]:.0f}" for name in TITLES if name in bench.rss)]],
    )
    slow = [
        [f"{name.removeprefix('tail: ')}: {TITLES[subject]}", short(run.rate)]
        + [f"{value:.2f}" for value in (run.p50, run.p90, run.p99, run.p999, run.worst)]
        + [f"{run.p99 / max(run.p50, 0.001):.1f}"]
        for name, runs in bench.results.items()
        if name.startswith("tail: ")
        for subject, run in runs.items()
    ]
    parts = {
        "machine": machine(bench) if loaded else "",
        "throughput": comparison(bench, lambda run: f"{short(run.rate)} ({cost(run)})"),
        "latency": comparison(bench, lambda run: f"{run.p50:.2f} / {run.p99:.2f}"),
        "errors": f"Failed or wrong answers in all runs: {failed}.\n" if loaded else "",
        "process": memory if measured else "",
        "memory": peers if bench.rss else "",
        "connections": grouped(bench, "connections", lambda run: f"{short(run.rate)} ({run.p99:.1f})"),
        "tail": table(["60 s", "calls/s", "p50", "p90", "p99", "p99.9", "worst, ms", "p99 / p50"], slow) if slow else "",
        "copy": copied(bench, bench.results["copy"]) if bench.results.get("copy") else "",
        "scale": grouped(bench, "scale", lambda run: f"{run.p50:.2f} ms, {cost(run)}"),
    }
    return {name: part for name, part in parts.items() if part}


def write(bench, pages):
    """Replaces the parts of docs/PERFORMANCE.md and README.md that were measured, and the plots."""
    for path in (PAGE, README):
        with open(path) as file:
            text = file.read()
        for name, part in pages.items():
            begin, end = f"<!-- measured: {name} -->\n", f"<!-- end of {name} -->\n"
            before, found, rest = text.partition(begin)
            _, closed, after = rest.partition(end)
            if found and closed:
                text = f"{before}{begin}{part}{end}{after}"
            elif path == PAGE:
                raise SystemExit(f"{path} has no part {name}")
        with open(path, "w") as file:
            file.write(text)
    plot.write(bench, os.path.join(ROOT, "docs/performance"))
