"""The servers that are compared."""

import http.client
import os
import signal
import socket
import subprocess
import time

from processes import cpu_us, memory

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
TARGET = os.environ.get("BENCH_TARGET", os.path.join(ROOT, "target"))
SECRET = "a secret of the benchmark that is long enough for HS256"
SERVER = f"{TARGET}/release/clusterdesk"

# By name: what it is called in the tables.
TITLES = {
    "bare": "bare",
    "old": "old",
    "lean": "lean",
    "axum": "axum",
    "postgres": "ours, Postgres",
    "sqlite": "ours, SQLite",
}

# To be stopped at the end, also after an error.
RUNNING = []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Subject:
    """A running server. `postgres` and `database` say which database it uses, if it is one of that server."""

    def __init__(self, name, command, port, folder, environment=None, postgres=None, database=None):
        self.name, self.port, self.postgres, self.database = name, port, postgres, database
        self.wire = "trpc" if name == "old" else "jsonrpc"
        self.log = open(os.path.join(folder, f"{name}-{port}.log"), "w")
        self.rss = 0
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdout=self.log,
            stderr=self.log,
            cwd=folder,
            env={**os.environ, "TZ": "UTC", "NODE_ENV": "production", **(environment or {})},
        )
        RUNNING.append(self)

    def server_us(self):
        return cpu_us(self.process.pid)

    def database_us(self):
        return cpu_us(self.postgres.process.pid) if self.postgres else 0

    def memory(self, field="VmRSS"):
        return memory(self.process.pid, field)

    def wait(self, request, timeout=60):
        """Repeats a request until it is answered, and returns the milliseconds since the start."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                status, _ = request(self)
                if status == 200:
                    return (time.monotonic() - self.started) * 1000
            except (OSError, http.client.HTTPException):
                time.sleep(0.0005)
        with open(self.log.name) as log:
            raise RuntimeError(f"{self.name} did not start: {log.read()[-1000:]}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        RUNNING.remove(self)


def ours(name, url, folder, postgres=None, database=None, **settings):
    port = free_port()
    data = os.path.join(folder, f"data-{port}")
    environment = {
        "DATABASE_URL": url,
        "DATA_DIR": data,
        "BIND_ADDR": f"127.0.0.1:{port}",
        "JWT_SECRET": SECRET,
        "BOOTSTRAP_ADMIN": "off",
        "CONNECTIONS_PER_ADDRESS": "0",
        "RATE_LIMIT_READ_MAX_REQUESTS": "0",
        "RATE_LIMIT_WRITE_MAX_REQUESTS": "0",
        "RATE_LIMIT_STRIPE_MAX_REQUESTS": "0",
        **settings,
    }
    return Subject(name, [SERVER], port, folder, environment, postgres, database)


def peer(name, folder, postgres, database):
    port = free_port()
    if name == "bare":
        return Subject(name, [f"{TARGET}/release/bare-peer", f"127.0.0.1:{port}"], port, folder)
    if name == "axum":
        url = f"host={postgres.folder} user=postgres dbname={database}"
        command = [f"{TARGET}/release/axum-peer", f"127.0.0.1:{port}", url, SECRET]
    else:
        script = os.path.join(ROOT, f"benches/peers/node/{name}.js")
        command = ["node", script, str(port), postgres.folder, database, SECRET]
    return Subject(name, command, port, folder, None, postgres, database)
