"""What is measured. A scenario is a function that puts its results into `bench.results`."""

import http.server
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import threading
import time
from dataclasses import fields

import calls
import seed
from load import Load, Run
from postgres import Postgres
from processes import memory
from subjects import RUNNING, SERVER, ours, peer

AUDITED = 100_000
SIZES = (1_000, 100_000, 1_000_000)
COUNTS = (1, 8, 32, 128)
TAIL_SECONDS = 60
COPIED = 1_000_000


def median(runs):
    middle = {field.name: statistics.median(getattr(run, field.name) for run in runs) for field in fields(Run)}
    middle["failed"] = sum(run.failed for run in runs)
    return Run(**middle)


class Bench:
    """The databases and the running servers."""

    def __init__(self, folder, users, chosen, rounds, seconds):
        self.folder, self.users, self.chosen = folder, users, chosen
        self.rounds, self.seconds = rounds, seconds
        self.load = Load(folder, users)
        self.subjects, self.results, self.rss = {}, {}, {}
        # Of the minute before, so it says whether anything else was running.
        self.busy = os.getloadavg()[0]
        self.postgres = None

    def prepare(self):
        began = time.monotonic()
        self.postgres = Postgres(os.path.join(self.folder, "postgres"))
        self.make("seed", self.users, AUDITED)
        self.sqlite("seed", self.users, AUDITED)
        print(f"seeded two databases with {self.users} users in {time.monotonic() - began:.0f} s", flush=True)

    def make(self, database, users, audited):
        """A PostgreSQL database with the schema of our server and sample data."""
        self.postgres.sql("postgres", f"CREATE DATABASE {database}")
        self._migrate(self.postgres.url(database))
        seed.fill_postgres(self.postgres, database, users, audited)

    def sqlite(self, name, users, audited):
        path = os.path.join(self.folder, f"{name}.db")
        self._migrate(f"sqlite:{path}")
        seed.fill_sqlite(path, users, audited)
        return path

    def _migrate(self, url):
        environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": os.path.join(self.folder, "data")}
        subprocess.run([SERVER, "migrate", "up"], check=True, env=environment, stdout=subprocess.DEVNULL, cwd=self.folder)

    def subject(self, name):
        """The running server of this name, started on first use."""
        if name in self.subjects:
            return self.subjects[name]
        if name == "sqlite":
            path = os.path.join(self.folder, "ours.db")
            if not os.path.exists(path):
                shutil.copy(os.path.join(self.folder, "seed.db"), path)
            subject = ours(name, f"sqlite:{path}", self.folder)
        elif name == "bare":
            subject = peer(name, self.folder, None, None)
        else:
            database = f"of_{name}"
            if self.postgres.sql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{database}'") == "":
                self.postgres.copy("seed", database)
                if name != "postgres":
                    self.postgres.sql(database, seed.DROP_TRIGGERS)
            if name == "postgres":
                subject = ours(name, self.postgres.url(database), self.folder, self.postgres, database)
            else:
                subject = peer(name, self.folder, self.postgres, database)
        subject.wait(lambda subject: calls.HELLO.send(subject, self.load.tokens[1]))
        self.subjects[name] = subject
        return subject

    def warm_up(self, load, subject, call, connections):
        # Node compiles what runs often, for seconds.
        seconds = 4 if subject.name in ("old", "lean") else 1
        failed = load.run([subject], call, connections, seconds, checked=True).failed
        if failed:
            raise RuntimeError(f"{subject.name} failed {failed} times")

    def compare(self, name, call, subjects, connections, rounds=None):
        """Medians of interleaved rounds."""
        names = [subject for subject in subjects if subject in self.chosen]
        runs = {subject: [] for subject in names}
        for subject in names:
            self.warm_up(self.load, self.subject(subject), call, connections)
        for turn in range(rounds or self.rounds):
            # Every other round in reverse, so that nobody always follows the same neighbour.
            for subject in names if turn % 2 == 0 else reversed(names):
                runs[subject].append(self.load.run([self.subject(subject)], call, connections, self.seconds))
            self.rss |= {subject: self.subject(subject).rss for subject in names}
        self.keep(name, {subject: median(found) for subject, found in runs.items()})

    def keep(self, name, found):
        self.results.setdefault(name, {}).update(found)
        for subject, run in found.items():
            if isinstance(run, Run):
                print(
                    f"  {subject:10} {run.rate:9.0f}/s  {run.server:6.1f} + {run.database:6.1f} us  "
                    f"p50 {run.p50:.2f}  p99 {run.p99:.2f} ms  failed {run.failed}",
                    flush=True,
                )
            else:
                print(f"  {subject:10} {run}", flush=True)

    def stop(self):
        for subject in list(RUNNING):
            subject.stop()
        if self.postgres:
            self.postgres.stop()


OURS = ["postgres", "sqlite"]
DATABASE = ["old", "lean", "axum", *OURS]


def compared(call, subjects, connections=32):
    return lambda bench, name: bench.compare(name, call, subjects, connections)


def slow_disk(bench, name):
    """PostgreSQL sleeps two milliseconds before it flushes its log, which others share as they share a slow disk's flush."""
    bench.postgres.set(commit_delay=2000, commit_siblings=0)
    bench.compare(name, None, ["lean", "axum", "postgres"], 32)
    bench.postgres.set(commit_delay=None, commit_siblings=None)


def two_servers(bench, name):
    if "postgres" not in bench.chosen:
        return
    first = bench.subject("postgres")
    second = ours("postgres", bench.postgres.url(first.database), bench.folder, bench.postgres, first.database)
    second.wait(lambda subject: calls.HELLO.send(subject, bench.load.tokens[1]))
    runs = [bench.load.run([first, second], None, 32, bench.seconds) for _ in range(bench.rounds)]
    second.stop()
    bench.keep(name, {"postgres": median(runs)})


def connections(bench, name):
    """Throughput against connections."""
    for kind, call, subjects in (
        ("hello", calls.HELLO, ["bare", *DATABASE]),
        ("list", calls.LIST, DATABASE),
        ("churn", None, DATABASE),
    ):
        for count in COUNTS:
            print(f" {kind}, {count} connections", flush=True)
            bench.compare(f"{name}: {kind}, {count}", call, subjects, count, rounds=min(3, bench.rounds))


def tail(bench, name):
    """A minute of each, for the slowest answers."""
    for kind, call in (("list", calls.LIST), ("churn", None)):
        for subject in ["axum", *OURS]:
            if subject in bench.chosen:
                run = bench.load.run([bench.subject(subject)], call, 32, TAIL_SECONDS)
                bench.keep(f"{name}: {kind}", {subject: run})


def process(bench, name):
    """Start, memory and idle sockets of our server, in a process of its own."""
    for subject in OURS:
        if subject not in bench.chosen:
            continue
        known = bench.subject(subject)
        if subject == "sqlite":
            path = os.path.join(bench.folder, "ours.db")
            url, database, postgres = f"sqlite:{path}", None, None
        else:
            url, database, postgres = bench.postgres.url(known.database), known.database, bench.postgres
        known.stop()
        del bench.subjects[subject]
        starts = []
        for _ in range(5):
            fresh = ours(subject, url, bench.folder, postgres, database)
            starts.append(fresh.wait(lambda subject: calls.HELLO.send(subject, bench.load.tokens[1])))
            idle = fresh.memory()
            fresh.stop()
        fresh = ours(subject, url, bench.folder, postgres, database)
        fresh.wait(lambda subject: calls.HELLO.send(subject, bench.load.tokens[1]))
        idle = fresh.memory()
        with_sockets, after = sockets(fresh, 10_000, idle)
        for call in (calls.LIST, None):
            bench.load.run([fresh], call, 32, bench.seconds)
        measured = {"start_ms": statistics.median(starts), "idle_mb": idle, "sockets_mb": with_sockets}
        measured |= {"closed_mb": after, "load_mb": fresh.rss, "peak_mb": fresh.memory("VmHWM")}
        bench.keep(name, {subject: {key: round(value, 1) for key, value in measured.items()}})
        fresh.stop()


# An opening handshake (RFC 6455).
UPGRADE = b"\r\n".join(
    [
        b"GET / HTTP/1.1",
        b"Host: bench",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"\r\n",
    ]
)


def sockets(subject, count, idle):
    """Memory with idle WebSockets, and after they are closed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 200), hard))
    opened = []
    for _ in range(min(count, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)):
        one = socket.create_connection(("127.0.0.1", subject.port))
        one.sendall(UPGRADE)
        if not one.recv(4096).startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"{subject.name} refused connection {len(opened) + 1}")
        opened.append(one)
    time.sleep(1)
    during = subject.memory()
    for one in opened:
        one.close()
    # The allocator gives memory back in the course of seconds.
    deadline = time.monotonic() + 30
    while subject.memory() > idle * 1.25 and time.monotonic() < deadline:
        time.sleep(0.5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return during, subject.memory()


def settings_apart(bench, *settings):
    """The same server with some settings and with others, in turns: the medians of its runs of hello."""
    path = os.path.join(bench.folder, "ours.db")
    bench.subject("sqlite")
    servers = [ours("sqlite", f"sqlite:{path}", bench.folder, **chosen) for chosen in settings]
    found = [[] for _ in servers]
    for server in servers:
        server.wait(lambda subject: calls.HELLO.send(subject, bench.load.tokens[1]))
        bench.warm_up(bench.load, server, calls.HELLO, 32)
    for _ in range(bench.rounds):
        for server, runs in zip(servers, found):
            runs.append(bench.load.run([server], calls.HELLO, 32, bench.seconds))
    for server in servers:
        server.stop()
    return [median(runs) for runs in found]


def logging(bench, name):
    """What the log costs at its default level."""
    with_log, without = settings_apart(bench, {"RUST_LOG": "info"}, {"RUST_LOG": "off"})
    measured = {"with_us": with_log.server, "without_us": without.server, "log_us": with_log.server - without.server}
    bench.keep(name, {"sqlite": {key: round(value, 1) for key, value in measured.items()}})


class Collector(http.server.BaseHTTPRequestHandler):
    """Accepts traces and forgets them."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def traces(bench, name):
    """What traces cost when one call in a hundred is traced."""
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}"}
    off, sampled = settings_apart(bench, {}, {**endpoint, "OTEL_TRACES_SAMPLER_ARG": "0.01"})
    collector.shutdown()
    measured = {"off_us": off.server, "sampled_us": sampled.server, "percent": 100 * (sampled.server / off.server - 1)}
    bench.keep(name, {"sqlite": {key: round(value, 1) for key, value in measured.items()}})


def scale(bench, name):
    """Cost by number of clusters. There are 11 clusters for 9 users, made within a year, and as many audit entries of a day."""
    for count in SIZES:
        users = count * 9 // 11
        load = Load(bench.folder, users)
        for subject in OURS:
            if subject not in bench.chosen:
                continue
            if subject == "sqlite":
                path = bench.sqlite(f"scale_{count}", users, count)
                fresh = ours(subject, f"sqlite:{path}", bench.folder)
            else:
                database = f"scale_{count}"
                bench.make(database, users, count)
                url = bench.postgres.url(database)
                fresh = ours(subject, url, bench.folder, bench.postgres, database)
            fresh.wait(lambda subject: calls.HELLO.send(subject, load.tokens[1]))
            measured = (
                ("list", calls.LIST),
                ("churn", None),
                ("admin.listClusters", calls.CLUSTERS),
                ("admin.listUsers", calls.USERS),
                ("admin.listUsers with a search", calls.SEARCH),
                ("admin.getStats", calls.STATS),
                ("admin.series", calls.SERIES),
            )
            for kind, call in measured:
                bench.warm_up(load, fresh, call, 8)
                runs = [load.run([fresh], call, 8, min(2, bench.seconds)) for _ in range(3)]
                print(f" {kind}, {count} clusters", flush=True)
                bench.keep(f"{name}: {kind}, {count}", {subject: median(runs)})
            fresh.stop()
            if subject == "sqlite":
                os.remove(path)
            else:
                bench.postgres.sql("postgres", f"DROP DATABASE {database}")


def copy(bench, name):
    """`clusterdesk copy` of a million clusters from SQLite to PostgreSQL and back: how long it takes, and its greatest memory."""
    path = bench.sqlite("copied", COPIED * 9 // 11, COPIED)
    back = os.path.join(bench.folder, "copied_back.db")
    bench.postgres.sql("postgres", "CREATE DATABASE copied")
    there = bench.postgres.url("copied")
    sums = []
    for subject, source, target in (("postgres", f"sqlite:{path}", there), ("sqlite", there, f"sqlite:{back}")):
        began = time.monotonic()
        report = os.path.join(bench.folder, f"copy-to-{subject}.json")
        with open(report, "w") as output:
            command = [SERVER, "copy", "--from", source, "--to", target, "--json"]
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, cwd=bench.folder)
            # Not what wait4 says, which counts the memory of this program before the other began.
            peak = 0
            while process.poll() is None:
                peak = max(peak, memory(process.pid, "VmHWM"))
                time.sleep(0.05)
        if process.returncode:
            raise RuntimeError(f"the copy to {subject} failed with status {process.returncode}")
        measured = {"seconds": round(time.monotonic() - began, 1), "memory_mb": round(peak, 1)}
        with open(report) as file:
            tables = json.load(file)["tables"]
        sums.append(tables)
        measured["rows"] = sum(table["rows"] for table in tables)
        bench.keep(name, {subject: measured})
    if sums[0] != sums[1]:
        raise RuntimeError("the copy back has other rows")
    bench.postgres.sql("postgres", "DROP DATABASE copied")
    os.remove(path)
    os.remove(back)


ALL = {
    "hello": compared(calls.HELLO, ["bare", *DATABASE]),
    "list": compared(calls.LIST, DATABASE),
    "summary": compared(calls.SUMMARY, ["old", "lean", *OURS]),
    "churn": compared(None, DATABASE),
    "stats": compared(calls.STATS, ["old", "lean", *OURS], 4),
    "batch": compared(calls.BATCHED, DATABASE),
    "slow-disk": slow_disk,
    "two-servers": two_servers,
    "process": process,
    "logging": logging,
    "traces": traces,
    "connections": connections,
    "tail": tail,
    "scale": scale,
    "copy": copy,
}
QUICK = ["hello", "list", "churn", "stats", "slow-disk", "two-servers", "process"]
