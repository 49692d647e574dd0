"""Three days of transactions from raw files to clean, deduplicated Parquet: cardlake beside DuckDB and Polars, in one run.

    silver.py BINARY [--rows N] [--repeats N] [--forms csv jsonl.gz]

The input is made once by seed_days.py and kept in target/bench/input-N. Each tool runs as a process of its own, with two threads;
seconds and memory are the whole process's, as the kernel counts them. Cardlake's time includes an S3 server in the same
process, through which every byte goes, and three commits; the others read and write plain files, all days at once. Of several
repeats the fastest counts. All have to come to the same number of rows.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
BENCH = HERE.parent / "target/bench"


def measure(command, environment, whole=False, codes=(0,)):
    """Wall seconds, processor seconds, peak bytes and the last line (or the whole output) of a command."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if os.waitstatus_to_exitcode(status) not in codes:
        sys.exit(f"{command[0]} failed:\n{output}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output if whole else output.strip().splitlines()[-1]


def make_lake(files):
    lake = BENCH / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    for file in files:
        day = file.name.removeprefix("transactions_")[:10]
        folder = lake / f"s3/cardlake-bronze/transactions/ingest_date={day}"
        folder.mkdir(parents=True)
        shutil.copy(file, folder)
    return lake


def ours(binary, files):
    lake = make_lake(files)
    days = sorted(path.name.removeprefix("ingest_date=") for path in lake.glob("s3/*/transactions/*"))
    # As the functions are to be deployed: more heaps than processors only keep memory.
    return measure([binary, str(lake), *days], {"MALLOC_ARENA_MAX": "2"})


def python_tool(script, files):
    output = BENCH / "output"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    return measure([sys.executable, str(HERE / script), str(output), *map(str, files)], {"POLARS_MAX_THREADS": "2"})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--forms", nargs="+", default=["csv", "jsonl.gz"])
    arguments = parser.parse_args()
    source = BENCH / f"input-{arguments.rows}"
    if not source.exists():
        print("making the input ...", file=sys.stderr)
        partial = source.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run([sys.executable, HERE / "seed_days.py", partial, str(arguments.rows)], check=True)
        partial.rename(source)
    print("| input | tool | wall s | processor s | peak memory | wall | processor |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for form in arguments.forms:
        files = sorted((source / form).iterdir())
        tools = {
            "cardlake": lambda: ours(arguments.binary, files),
            "DuckDB": lambda: python_tool("duckdb_clean.py", files),
            "Polars": lambda: python_tool("polars_clean.py", files),
        }
        # Side by side, so that a change in the machine's load meets all of them.
        runs = {name: [] for name in tools}
        for _ in range(arguments.repeats):
            for name, run in tools.items():
                runs[name].append(run())
        rows = {run[3] for results in runs.values() for run in results}
        if len(rows) != 1:
            sys.exit(f"the tools do not agree on the number of rows: {rows}")
        best = {name: tuple(min(run[i] for run in results) for i in range(3)) for name, results in runs.items()}
        wall, processor, _ = best["cardlake"]
        for name, result in best.items():
            print(
                f"| {form} | {name} | {result[0]:.2f} | {result[1]:.2f} | {result[2] / 1e6:,.0f} MB "
                f"| {result[0] / wall:.1f}x | {result[1] / processor:.1f}x |"
            )


if __name__ == "__main__":
    main()
