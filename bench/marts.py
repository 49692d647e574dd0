"""Builds every model and test over made-up facts with `cardlake build`, and prints seconds per model.

usage: marts.py CARDLAKE [--rows 3000000] [--days 3] [--keep FOLDER]

The facts come the usual way, three days through the whole pipeline into the local warehouse. Measured are a full build and
one with nothing new. Seconds of a model are those of its statements in the warehouse; models run side by side, so that they
add up to more than the wall time. Tests of one statement share its time.
"""

import argparse
import json
import os
import subprocess
import tempfile
from datetime import date, timedelta


def call(command):
    outcome = subprocess.run(command, capture_output=True, text=True)
    if outcome.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{outcome.stderr}")
    return json.loads(outcome.stdout)


def measure(cardlake, lake, rows, days):
    first = date(2026, 1, 13)
    last = first + timedelta(days=days - 1)
    if not os.path.exists(os.path.join(lake, "warehouse.duckdb")):
        run = [cardlake, "run", "--from", str(first), "--to", str(last), "--rows", str(rows // days)]
        call(run + ["--data-dir", lake, "--json"])
    build = [cardlake, "build", "--date", str(last), "--data-dir", lake, "--json"]
    return {"full": call(build + ["--full-refresh"]), "nothing new": call(build)}


def report(builds):
    seconds = {}
    for name, build in builds.items():
        for node in build["nodes"]:
            label = node["name"] if node["kind"] != "test" else "all data tests"
            row = seconds.setdefault((node["kind"], label), {})
            row[name] = row.get(name, 0.0) + node["seconds"]
    print("| | " + " | ".join(f"{name}, s" for name in builds) + " |")
    print("|---|" + "--:|" * len(builds))
    ordered = sorted(seconds.items(), key=lambda item: (item[0][0] == "test", -max(item[1].values())))
    for (_, label), row in ordered:
        print(f"| {label} | " + " | ".join(f"{row.get(name, 0.0):.2f}" for name in builds) + " |")
    print("| wall time | " + " | ".join(f"{build['seconds']:.2f}" for build in builds.values()) + " |")
    tests = {build["tests_passed"] for build in builds.values()}
    print(f"\n{' and '.join(map(str, tests))} data tests passed.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cardlake", help="the built command")
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--keep", help="folder of the lake; one that is there already is used as it is")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = arguments.keep or os.path.join(folder, "lake")
        report(measure(arguments.cardlake, lake, arguments.rows, arguments.days))
