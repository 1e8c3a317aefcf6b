"""A private PostgreSQL server, started from the installed binaries, with every commit on disk before it is acknowledged."""

import glob
import os
import pwd
import shutil
import subprocess
import time

SETTINGS = [
    "listen_addresses=",
    "max_connections=200",
    "shared_buffers=512MB",
    "max_wal_size=4GB",
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
]


class Postgres:
    def __init__(self, folder):
        self.folder = folder
        found = [os.path.dirname(path) for path in sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))]
        self.binaries = found[-1] if found else os.path.dirname(shutil.which("postgres"))
        # initdb refuses to run as root.
        self.user = "nobody" if os.getuid() == 0 else None
        os.makedirs(folder)
        if self.user:
            who = pwd.getpwnam(self.user)
            os.chown(folder, who.pw_uid, who.pw_gid)
        initdb = [f"{self.binaries}/initdb", "-D", f"{folder}/data", "-U", "postgres", "-A", "trust"]
        self._run(initdb + ["-E", "UTF8", "--locale=C.UTF-8"])
        options = [option for setting in SETTINGS for option in ("-c", setting)]
        self.process = subprocess.Popen(
            [f"{self.binaries}/postgres", "-D", f"{folder}/data", "-k", folder, *options],
            stdout=subprocess.DEVNULL,
            stderr=open(f"{folder}/log", "w"),
            user=self.user,
            cwd=folder,
        )
        for _ in range(200):
            if subprocess.run(self._psql("postgres", "SELECT 1"), capture_output=True).returncode == 0:
                break
            time.sleep(0.05)
        self.version = self.sql("postgres", "SHOW server_version").split()[0]

    def _run(self, command):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self.user, cwd=self.folder)

    def _psql(self, database, sql):
        psql = f"{self.binaries}/psql"
        return [psql, "-h", self.folder, "-U", "postgres", "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]

    def sql(self, database, sql):
        done = subprocess.run(self._psql(database, sql), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def copy(self, template, database):
        self.sql("postgres", f"CREATE DATABASE {database} TEMPLATE {template} STRATEGY file_copy")

    def url(self, database):
        return f"postgres:///{database}?host={self.folder}&user=postgres"

    def set(self, **settings):
        """Changes settings of the running server; None stands for the default."""
        for name, value in settings.items():
            change = f"RESET {name}" if value is None else f"SET {name} = {value}"
            self.sql("postgres", f"ALTER SYSTEM {change}")
        self.sql("postgres", "SELECT pg_reload_conf()")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
