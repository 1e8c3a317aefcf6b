"""Runs the scenarios of docs/PERFORMANCE.md. Started by benches/run, which builds everything first."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile

import report
from scenarios import ALL, QUICK, Bench
from subjects import TARGET, TITLES


def arguments():
    parser = argparse.ArgumentParser(prog="benches/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the main scenarios, in less than five minutes")
    parser.add_argument("--only", metavar="NAMES", help=f"some of: {', '.join(ALL)}")
    parser.add_argument("--subjects", metavar="NAMES", help=f"some of: {', '.join(TITLES)}")
    parser.add_argument("--rounds", type=int, help="interleaved rounds, of which the median counts [5; quick: 3]")
    parser.add_argument("--seconds", type=int, help="length of a run [5; quick: 2]")
    parser.add_argument("--users", type=int, default=100_000, help="users in the databases [100000]")
    parser.add_argument("--folder", default="/var/tmp", help="where the databases are; a real disk [/var/tmp]")
    parser.add_argument("--write", action="store_true", help="renew docs/PERFORMANCE.md also after a quick run")
    return parser.parse_args()


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = options.only.split(",") if options.only else QUICK if options.quick else list(ALL)
    chosen = options.subjects.split(",") if options.subjects else list(TITLES)
    unknown = [name for name in names if name not in ALL] + [name for name in chosen if name not in TITLES]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}")
    rounds = options.rounds or (3 if options.quick else 5)
    seconds = options.seconds or (2 if options.quick else 5)
    folder = tempfile.mkdtemp(prefix="clusterdesk-bench-", dir=options.folder)
    os.chmod(folder, 0o755)
    bench = Bench(folder, options.users, chosen, rounds, seconds)
    broken = []
    try:
        bench.prepare()
        for name in names:
            print(f"\n{name}", flush=True)
            try:
                ALL[name](bench, name)
            except RuntimeError as error:
                # The others are still worth an hour.
                broken.append(name)
                print(f"  {error}", flush=True)
            save(bench)
    finally:
        bench.stop()
        shutil.rmtree(folder, ignore_errors=True)
    pages = report.pages(bench)
    print("\n" + "\n".join(pages.values()))
    if options.write or not (options.quick or options.only or options.subjects):
        report.write(bench, pages)
    if broken:
        raise SystemExit(f"not measured: {', '.join(broken)}")


def save(bench):
    kept = os.path.join(TARGET, "bench")
    os.makedirs(kept, exist_ok=True)
    with open(os.path.join(kept, "results.json"), "w") as file:
        json.dump(bench.results, file, indent=1, default=vars)


main()
