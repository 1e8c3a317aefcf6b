"""One measured run of wrk."""

import json
import os
import subprocess
from dataclasses import dataclass

import calls
import seed

SCRIPT = os.path.join(os.path.dirname(__file__), "call.lua")
READERS = 1000
SAMPLES = 5


@dataclass
class Run:
    rate: float
    p50: float
    p90: float
    p99: float
    p999: float
    worst: float
    server: float
    database: float
    failed: int
    requests: int


class Load:
    """Sends calls to subjects. Users of mutations are never used twice in one database, so runs don't disturb each other."""

    def __init__(self, folder, users):
        self.folder, self.users, self.next_writer = folder, users, 1
        step = max(1, users // READERS)
        # Those who write have a number that is divisible by five: their FREE cluster is deleted.
        self.readers = [number for number in range(1, users, step) if number % 5][:READERS]
        self.tokens = {number: calls.token(seed.user(number)) for number in self.readers}
        self.admin = calls.token(seed.ADMIN)

    def _file(self, name, tokens):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write("".join(f"{token}\n" for token in tokens))
        return path

    def writers(self, count):
        if 5 * (self.next_writer + count) > self.users:
            raise RuntimeError("no users are left that have no FREE cluster; raise --users")
        numbers = range(self.next_writer, self.next_writer + count)
        self.next_writer += count
        return [calls.token(seed.user(5 * number)) for number in numbers]

    def sample(self, subject, call):
        if subject.name == "bare":
            return
        for at in range(SAMPLES):
            number = self.readers[at * len(self.readers) // SAMPLES]
            call.check(subject, number, self.admin if call.admin else self.tokens[number])

    def start(self, subject, call, connections, seconds, checked):
        """Starts wrk. `call` is None for creating and deleting in turn, of which every answer is checked."""
        if call is None:
            name, arguments = f"writers-{subject.port}", ["churn", subject.wire]
            arguments.append(self._file(name, self.writers(2 * connections)))
        else:
            tokens = [self.admin] * 16 if call.admin else list(self.tokens.values())
            name = "admins" if call.admin else "readers"
            arguments = ["check" if checked else "read", subject.wire, self._file(name, tokens), *call.request(subject.wire)]
        threads = min(2, connections)
        command = ["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s"]
        command += ["-s", SCRIPT, f"http://127.0.0.1:{subject.port}/", "--", str(threads), *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, subjects, call, connections, seconds, checked=False):
        """Drives subjects, which share the connections, for some seconds. `checked`: looks for errors in every answer."""
        if call:
            for subject in subjects:
                self.sample(subject, call)
        server = sum(subject.server_us() for subject in subjects)
        database = subjects[0].database_us()
        each = connections // len(subjects)
        loads = [self.start(subject, call, each, seconds, checked) for subject in subjects]
        results = []
        for load in loads:
            out, _ = load.communicate()
            found = [line for line in out.splitlines() if line.startswith("result ")]
            if not found:
                raise RuntimeError(f"wrk failed: {out}")
            results.append(json.loads(found[0].removeprefix("result ")))
        server = sum(subject.server_us() for subject in subjects) - server
        database = subjects[0].database_us() - database
        for subject in subjects:
            subject.rss = max(subject.rss, subject.memory())
        if call:
            for subject in subjects:
                self.sample(subject, call)
        entries = call.batch if call and call.batch else 1
        requests = max(1, sum(result["requests"] for result in results) * entries)
        worst = {key: max(result[key] for result in results) / 1000 for key in ("p50", "p90", "p99", "p999", "max")}
        return Run(
            rate=sum(result["requests"] * 1_000_000 / result["us"] for result in results) * entries,
            p50=worst["p50"],
            p90=worst["p90"],
            p99=worst["p99"],
            p999=worst["p999"],
            worst=worst["max"],
            server=server / requests,
            database=database / requests,
            failed=sum(result["failed"] for result in results),
            requests=requests,
        )
