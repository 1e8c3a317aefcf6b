"""Processor time and memory of processes, from /proc."""

import os
import re

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()


def tree(root):
    """The process and all its descendants."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = int(_stat(name)[1])
            except OSError:
                pass
    pids, found = [root], {root}
    while True:
        more = [pid for pid, parent in parents.items() if parent in found and pid not in found]
        if not more:
            return pids
        pids += more
        found.update(more)


def cpu_us(root):
    """Microseconds of processor time of a process, its descendants, and those that have ended."""
    ticks = 0
    for pid in tree(root):
        try:
            fields = _stat(pid)
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks * 1_000_000 // TICKS


def memory(root, field="VmRSS"):
    """Megabytes of a process and its descendants."""
    total = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/status") as file:
                found = re.search(rf"{field}:\s+(\d+) kB", file.read())
        except OSError:
            continue
        total += int(found[1]) if found else 0
    return total / 1024
