"""Package size, cold start and peak memory of every function, each as a process with a Runtime API of its own.

usage: functions.py --cardlake BINARY --packages DIR [--rows N] [--starts N]

--packages holds <function>/bootstrap.zip, as scripts/package.sh leaves them. A day of N made-up transactions goes through
all functions in the order of the state machine, against the servers of `cardlake up`; peak memory is the kernel's count of
each process (VmHWM), the busy seconds are those of all its invocations. Cold start is the time from the start of the process
to its first request for an invocation, the median over N starts. Exits with 1 when a limit is passed.
"""

import argparse
import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "localstack" / "plugin"))

from cardlake_localstack.sandbox import FunctionError, Job, Sandbox  # noqa: E402

FUNCTIONS = ["generator", "transformer", "reconciler", "validator", "loader", "mart-builder", "notifier"]
# Room for a few per cent more than they have; those that open the Delta log carry its library, and the transformer tables of
# encodings and time zones and a reader of Parquet.
MEGABYTES = dict.fromkeys(FUNCTIONS, 6.5) | {"transformer": 8.0, "reconciler": 10.8, "validator": 10.5, "loader": 10.5}
START_MILLISECONDS = 30
SECONDS = 900
DAY = "2026-01-15"


class Functions:
    """Unpacked functions; each keeps its process, as a warm environment does."""

    def __init__(self, folder, packages, environment):
        self.environment = environment
        self.code = {}
        self.sizes = {}
        self.sandboxes = {}
        self.seconds = dict.fromkeys(FUNCTIONS, 0.0)
        for name in FUNCTIONS:
            package = packages / name / "bootstrap.zip"
            self.sizes[name] = package.stat().st_size
            self.code[name] = folder / name
            with zipfile.ZipFile(package) as archive:
                archive.extractall(self.code[name])
            (self.code[name] / "bootstrap").chmod(0o755)

    def start(self, name):
        of_lambda = {"NAME": name, "MEMORY_SIZE": "3008", "VERSION": "$LATEST"}
        return Sandbox(self.code[name], self.environment | {f"AWS_LAMBDA_FUNCTION_{key}": of_lambda[key] for key in of_lambda})

    def invoke(self, name, event):
        if name not in self.sandboxes:
            self.sandboxes[name] = self.start(name)
        job = Job(str(uuid.uuid4()), f"arn:aws:lambda:us-east-1:000000000000:function:{name}", json.dumps(event).encode(), "", SECONDS)
        began = time.monotonic()
        is_error, reply = self.sandboxes[name].invoke(job, SECONDS)
        self.seconds[name] += time.monotonic() - began
        if is_error:
            raise FunctionError(name, reply.decode())
        return json.loads(reply)

    def peak_megabytes(self, name):
        status = Path(f"/proc/{self.sandboxes[name].process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def close(self):
        for sandbox in self.sandboxes.values():
            sandbox.stop()


def serve(binary, folder):
    """`cardlake up` and what reaches it."""
    process = subprocess.Popen(
        [binary, "up", "--data-dir", folder / "lake"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    exports = {}
    while "CARDLAKE_TOKEN_KEY_SECRET" not in exports:
        line = process.stdout.readline()
        if not line:
            raise SystemExit("`cardlake up` did not start")
        name, _, value = line.strip().removeprefix("export ").partition("=")
        exports[name] = value.strip("'")
    return process, {name: value for name, value in exports.items() if value} | {"PATH": os.environ["PATH"]}


def ticks(functions, name, event):
    """A stage that works in ticks, to its end."""
    cursor = None
    while True:
        output = functions.invoke(name, event | {"cursor": cursor})
        if output["status"] == "succeeded":
            return output
        cursor = output["cursor"]
        time.sleep(0.05)


def run_day(functions, rows):
    """What the state machine does with a day."""
    made = functions.invoke("generator", {"batch_date": DAY, "rows": rows, "duplicate_rate": 0.02, "corrupt_rate": 0.005})
    for key in made["objects"]:
        functions.invoke("transformer", {"key": key})
    planned = functions.invoke("reconciler", {"action": "plan", "batch_date": DAY})["datasets"]
    audits, published = [], []
    for dataset in (plan["dataset"] for plan in planned):
        about = {"batch_date": DAY, "dataset": dataset}
        about["candidate"] = functions.invoke("reconciler", {"action": "reconcile"} | about)["candidate"]
        audits.append(functions.invoke("validator", about))
        published.append(functions.invoke("reconciler", {"action": "publish"} | about))
    run = {"batch_date": DAY, "run_id": "bench"}
    loaded = ticks(functions, "loader", run)["datasets"]
    balance = {"action": "balance", "batch_date": DAY, "published": published, "loaded": loaded}
    books = functions.invoke("reconciler", balance)
    marts = ticks(functions, "mart-builder", run | {"books": books, "audits": audits})
    told = {"outcome": "succeeded", "books": books, "audits": audits, "marts": marts}
    functions.invoke("notifier", run | told)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cardlake", required=True, type=Path)
    parser.add_argument("--packages", required=True, type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--starts", type=int, default=11)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        server, environment = serve(arguments.cardlake, folder)
        functions = Functions(folder, arguments.packages, environment)
        passed = []
        try:
            starts = {}
            for name, _ in itertools.product(FUNCTIONS, range(arguments.starts)):
                sandbox = functions.start(name)
                starts.setdefault(name, []).append(sandbox.start_seconds * 1000)
                sandbox.stop()
            run_day(functions, arguments.rows)
            print(f"A day of {arguments.rows:,} rows:\n")
            print("| function | zip, MB | cold start, ms | peak memory, MB | busy, s |\n|---|--:|--:|--:|--:|")
            for name in FUNCTIONS:
                size, start = functions.sizes[name] / 1e6, statistics.median(starts[name])
                peak, seconds = functions.peak_megabytes(name), functions.seconds[name]
                print(f"| {name} | {size:.2f} | {start:.1f} | {peak:.0f} | {seconds:.1f} |")
                if size > MEGABYTES[name]:
                    passed.append(f"{name}: {size:.2f} MB zipped, {MEGABYTES[name]} are allowed")
                if start > START_MILLISECONDS:
                    passed.append(f"{name}: {start:.1f} ms to the first request, {START_MILLISECONDS} are allowed")
        finally:
            functions.close()
            server.send_signal(signal.SIGTERM)
            server.wait()
    for limit in passed:
        print(limit, file=sys.stderr)
    sys.exit(1 if passed else 0)


if __name__ == "__main__":
    main()
