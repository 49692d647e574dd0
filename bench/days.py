"""Runs days of made-up transactions one after the other, and then all of them again with nothing new; prints seconds per stage.

usage: days.py CARDLAKE [--rows 1000000] [--days 3] [--files N] [--keep FOLDER]

With --files the same rows of a day come in that many raw files, and the table of data files tells how many a partition ends up with.

Every day is a process of its own, so that peak memory is that of the day. Process start is what `cardlake sql 'select 1'` takes: it opens
the same warehouse and does nothing.
"""

import argparse
import collections
import glob
import json
import os
import shutil
import subprocess
import tempfile
import time
from datetime import date, timedelta

STAGES = ["generate", "transform", "reconcile", "validate", "publish", "load", "balance", "build", "notify"]


def call(command):
    """Seconds, processor seconds, peak memory in GB, and what was printed."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begun
        if status != 0:
            raise SystemExit(f"{' '.join(command)} failed")
        output.seek(0)
        return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6, output.read().decode()


def row(label, seconds, processor, memory, runs):
    stages = {}
    for run in runs:
        for stage in run["stages"]:
            stages[stage["name"]] = stages.get(stage["name"], 0.0) + stage["seconds"]
    cells = [f"{stages.get(stage, 0.0):.2f}" for stage in STAGES]
    print(f"| {label} | {seconds:.2f} | {processor:.2f} | {' | '.join(cells)} | {memory:.2f} |", flush=True)


def deliver(cardlake, folder, rows, files, first, days):
    """The raw files of every day in `folder`, transactions cut into `files` of them."""
    made = os.path.join(folder, "made")
    call([cardlake, "generate", "--date", str(first), "--days", str(days), "--rows", str(rows), "--out", made])
    landing = os.path.join(folder, "landing")
    for parent, _, names in os.walk(made):
        target = os.path.join(landing, os.path.relpath(parent, made))
        os.makedirs(target)
        for name in names:
            path = os.path.join(parent, name)
            stem, extension = name.split(".", 1)
            if not stem.startswith("transactions"):
                shutil.copy(path, os.path.join(target, name))
                continue
            with open(path, "rb") as file:
                lines = file.readlines()
            for part in range(files):
                with open(os.path.join(target, f"{stem}-{part:04}.{extension}"), "wb") as file:
                    file.writelines(lines[part * len(lines) // files : (part + 1) * len(lines) // files])
    return landing


def most_files(lake):
    """The most data files of one partition of silver that a version of the table names."""
    partitions = collections.Counter()
    for log in sorted(glob.glob(f"{glob.escape(lake)}/s3/*silver*/transactions/_delta_log/*.json")):
        with open(log) as file:
            for line in file:
                action = json.loads(line)
                for kind, change in [("add", 1), ("remove", -1)]:
                    if kind in action:
                        partitions[os.path.dirname(action[kind]["path"])] += change
    return max(partitions.values())


def measure(cardlake, lake, rows, days, landing=None):
    first = date(2026, 1, 13)
    last = first + timedelta(days=days - 1)
    options = ["--data-dir", lake, "--json"] + (["--input", landing] if landing else ["--rows", str(rows)])
    print("| | s | CPU s | " + " | ".join(STAGES) + " | peak memory, GB |")
    print("|---|" + "--:|" * (len(STAGES) + 3))
    for number in range(days):
        day = first + timedelta(days=number)
        seconds, processor, memory, output = call([cardlake, "run", "--date", str(day)] + options)
        row(f"day {number + 1}", seconds, processor, memory, json.loads(output)["runs"])
    for label, begin in [("all again", first), ("last day again", last)]:
        command = [cardlake, "run", "--from", str(begin), "--to", str(last)] + options
        seconds, processor, memory, output = call(command)
        row(label, seconds, processor, memory, json.loads(output)["runs"])
    seconds, processor, _, _ = call([cardlake, "sql", "--data-dir", lake, "select 1"])
    print(f"\nProcess start: {seconds:.2f} s, {processor:.2f} CPU s. Most data files of a partition: {most_files(lake)}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cardlake", help="the built command")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--files", type=int, help="raw files of transactions a day")
    parser.add_argument("--keep", help="folder of the lake, to be made")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = arguments.keep or os.path.join(folder, "lake")
        landing = None
        if arguments.files:
            first = date(2026, 1, 13)
            landing = deliver(arguments.cardlake, folder, arguments.rows, arguments.files, first, arguments.days)
        measure(arguments.cardlake, lake, arguments.rows, arguments.days, landing)
