"""How fast the generator is beside one in Python: rows and megabytes per second of one core, and peak memory.

    generate.py BINARY [--rows N] [--python-rows N] [--repeats N] [--json FILE]

BINARY is the example `generate_day` of the generator's crate (bench/generate.sh builds it). Every measurement is a
process of its own; seconds are processor time (user and system), so that other work on the machine counts little, and
the best of the repeats is shown. Rows are transactions; both make customers, cards and merchants as well, the Python
one without writing them.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

PYTHON_GENERATOR = pathlib.Path(__file__).with_name("python_generator.py")


def measure(command):
    """Runs a command; gives what it prints (JSON) with processor seconds, wall seconds and peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status != 0:
        sys.exit(f"error: {' '.join(map(str, command))} ended with status {status}")
    unit = 1 if sys.platform == "darwin" else 1024
    result = json.loads(printed)
    # What the system says of a child is never less than this process had when it started the child.
    peak = result["peak_kilobytes"] * 1024 if result.get("peak_kilobytes") else usage.ru_maxrss * unit
    return result | {"seconds": usage.ru_utime + usage.ru_stime, "wall": wall, "memory": peak / 1e6}


def best(command, repeats):
    return min((measure(command) for _ in range(repeats)), key=lambda result: result["seconds"])


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--python-rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()

    results = []
    with tempfile.TemporaryDirectory() as folder:
        for file_format in ("jsonl", "csv"):
            for rows in sorted({options.python_rows, options.rows}):
                for sink, more in (("nowhere", []), ("file", [folder])):
                    command = [options.binary, file_format, "none", str(rows), *more]
                    results.append(best(command, options.repeats) | {"who": "cardlake", "format": file_format, "to": sink})
        for file_format in ("jsonl", "csv"):
            path = pathlib.Path(folder, f"python.{file_format}")
            command = [sys.executable, PYTHON_GENERATOR, file_format, str(options.python_rows), path]
            results.append(measure(command) | {"who": "Faker, random", "format": file_format, "to": "file"})
            path.unlink()

    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}\n")
    print("| generator | format | to | rows | rows/s per core | MB/s per core | seconds | peak memory |")
    print("|---|---|---|--:|--:|--:|--:|--:|")
    for result in results:
        per_second = {name: result[name] / result["seconds"] for name in ("rows", "bytes")}
        print(
            f"| {result['who']} | {result['format']} | {result['to']} | {result['rows']:,} | {per_second['rows']:,.0f} "
            f"| {per_second['bytes'] / 1e6:,.0f} | {result['seconds']:.2f} | {result['memory']:,.0f} MB |"
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
