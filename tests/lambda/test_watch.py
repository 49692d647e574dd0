"""The functions under `cargo lambda watch`, against the servers of `cardlake up`: what docs/local-development.md shows.

usage: test_watch.py [unittest options]
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
EVENTS = PROJECT / "tests" / "events"
BUILD_SECONDS = 1200


def built(name):
    """A program of the workspace, built with the profile of `make test`, whose artifacts are taken."""
    command = ["cargo", "build", "--release", "--locked", "--workspace", "--bins", "--message-format=json-render-diagnostics"]
    output = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in output.splitlines()]
    programs = [told["executable"] for told in messages if told.get("executable") and told["target"]["name"] == name]
    return programs[0]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class TestWatch(unittest.TestCase):
    def spawn(self, command, environment, **options):
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, start_new_session=True, **options)

        def end():
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
            if process.stdout:
                process.stdout.close()

        self.addCleanup(end)
        return process

    def test_every_function_answers_its_sample_event(self):
        cardlake = built("cardlake")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        lake = Path(folder.name) / "lake"
        generate = ["run", "--date", "2026-01-15", "--rows", "200", "--data-dir", lake]
        subprocess.run([cardlake, *generate], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        up = self.spawn([cardlake, "up", "--data-dir", lake], os.environ, stdout=subprocess.PIPE, text=True)
        exports = {}
        while "CARDLAKE_TOKEN_KEY_SECRET" not in exports:
            name, _, value = up.stdout.readline().strip().removeprefix("export ").partition("=")
            exports[name] = value.strip("'")
        port = str(free_port())
        watch = ["cargo", "lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", port, "--ignore-changes", "--release"]
        self.spawn(watch, os.environ | exports, stdout=subprocess.DEVNULL)
        for function, event, expected in [
            ("transformer", "transformer", '"status":"unchanged"'),
            ("transformer", "transformer-s3", '"status":"unchanged"'),
            ("reconciler", "reconciler-plan", '"dataset":"transactions"'),
            # The candidate of the sample is another lake's.
            ("validator", "validator", "Cardlake.NotFound"),
            ("loader", "loader", '"status":"'),
            ("mart-builder", "mart-builder", '"status":"'),
            ("notifier", "notifier-failed", '"run_record":"_runs/'),
            ("generator", "generator", '"rows":{'),
        ]:
            with self.subTest(event):
                self.assertIn(expected, self.invoke(port, function, EVENTS / f"{event}.json"))

    def invoke(self, port, function, event):
        """What `cargo lambda invoke` prints, of an answer or of an error, without blanks."""
        command = ["cargo", "lambda", "invoke", function, "--invoke-address", "127.0.0.1", "--invoke-port", port]
        end = time.monotonic() + BUILD_SECONDS
        while True:
            answer = subprocess.run([*command, "--data-file", event], cwd=PROJECT, capture_output=True, text=True)
            # Until the server listens.
            if "onnect" not in answer.stderr or time.monotonic() > end:
                return (answer.stdout + answer.stderr).replace(" ", "").replace("\n", "")
            time.sleep(0.2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
