"""The wheel of `make wheel` in an empty virtual environment, from an empty folder, without cargo, npm or make in reach.

usage: test_wheel.py WHEEL [unittest options]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import venv
from pathlib import Path

WHEEL = Path(sys.argv.pop(1)).resolve()
MEGABYTE = 1_000_000
# Agreed size of the download.
LARGEST = 60 * MEGABYTE
SUITE = {
    "name": "segments",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "segment"}},
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 2}},
    ],
}


class TestWheel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        environment = Path(folder.name) / "environment"
        venv.create(environment, with_pip=True)
        pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-index", WHEEL], check=True)
        cls.work = Path(folder.name) / "work"
        cls.work.mkdir()
        cls.variables = {"PATH": str(environment / "bin"), "HOME": str(cls.work), "LANG": "C.UTF-8"}
        for tool in ("cargo", "rustc", "npm", "make"):
            assert shutil.which(tool, path=cls.variables["PATH"]) is None, tool
        cls.cardlake("run", "--date", "2026-01-15", "--rows", "2000", "--json")

    @classmethod
    def cardlake(cls, *arguments):
        command = shutil.which("cardlake", path=cls.variables["PATH"])
        done = subprocess.run([command, *arguments], cwd=cls.work, env=cls.variables, text=True, capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"cardlake {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_size(self):
        size = WHEEL.stat().st_size
        print(f"{WHEEL.name}: {size / MEGABYTE:.1f} MB", file=sys.stderr)
        self.assertLess(size, LARGEST)

    def test_sql_reads_what_run_loaded(self):
        output = self.cardlake("sql", "--format", "csv", "select count(*) as transactions from fact_transactions")
        header, transactions = output.split()
        self.assertEqual("transactions", header)
        self.assertGreater(int(transactions), 1000)

    def test_report_is_a_page(self):
        self.cardlake("report", "--out", "report.html")
        self.assertIn("<!doctype html>", (self.work / "report.html").read_text().lower()[:200])

    def test_validate(self):
        (self.work / "suite.json").write_text(json.dumps(SUITE))
        (self.work / "segments.csv").write_text("segment,customers\nloyal,3\nnew,5\n")
        result = json.loads(self.cardlake("validate", "--suite", "suite.json", "--data", "segments.csv", "--json"))
        self.assertTrue(result["success"])
        self.assertEqual(2, result["statistics"]["evaluated_expectations"])

    def test_build(self):
        built = self.cardlake("build", "--select", "mart_sales_daily", "--json")
        self.assertIn("mart_sales_daily", built)


if __name__ == "__main__":
    os.chdir("/")
    unittest.main()
