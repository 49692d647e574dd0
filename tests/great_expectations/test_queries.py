"""Expectations that are queries: `cardlake validate` on CSV files against the real Great Expectations on SQLite, field by field.

usage: test_queries.py CARDLAKE

SEED and CASES in the environment make other random cases, and more.
"""

import csv
import json
import math
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import unittest

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column

CARDLAKE = pathlib.Path(sys.argv.pop(1)).resolve()
SEED = int(os.environ.get("SEED", "1"))
CASES = int(os.environ.get("CASES", "15"))
FORMATS = ["BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE"]
COLUMNS = ["id", "amount", "shop", "level"]
SQL_TYPES = "id INTEGER, amount REAL, shop TEXT, level INTEGER"


def rows(count: int, chance: random.Random) -> list:
    """Made-up rows, with nulls."""
    return [
        (
            number,
            None if chance.random() < 0.1 else chance.randrange(-40, 400) / 4,
            chance.choice(["n", "s", "west", "it's", "{x}", None]),
            None if chance.random() < 0.1 else chance.randrange(5),
        )
        for number in range(count)
    ]


def rows_query(query: str) -> gx.expectations.Expectation:
    return gxe.UnexpectedRowsExpectation(unexpected_rows_query=query)


def comparison(base: str, other: str, mostly: float = 1.0) -> gx.expectations.Expectation:
    return gxe.ExpectQueryResultsToMatchComparison(
        base_query=base, comparison_data_source_name="data", comparison_query=other, mostly=mostly
    )


def chosen_cases() -> list:
    other = gxe.ExpectTableRowCountToEqualOtherTable
    return [
        rows_query("SELECT * FROM {batch} WHERE amount > 90 ORDER BY id"),
        rows_query("SELECT * FROM {batch} WHERE amount > 900 ; \n"),
        rows_query("SELECT id, level AS id FROM {batch} WHERE id < 3 ORDER BY 1;"),
        rows_query("SELECT id FROM {batch} ORDER BY id"),
        rows_query("SELECT subselect.id FROM {batch} WHERE id > 297 ORDER BY id"),
        rows_query("SELECT b.id FROM {batch} b JOIN other o ON b.id = o.id WHERE b.id > 100 ORDER BY b.id"),
        rows_query("SELECT id FROM {batch} WHERE shop = '{{x}}' AND id < 40 ORDER BY id"),
        rows_query("SELECT id FROM {batch} WHERE shop = 'JOIN'"),
        rows_query("WITH x AS (SELECT * FROM {batch}) SELECT shop, SUM(amount) AS s, COUNT(*) n, MAX(level) AS m FROM x GROUP BY shop ORDER BY n, COALESCE(shop, '')"),
        rows_query("SELECT id / 7 AS seventh, id % 7 AS rest, amount / 2 AS half FROM {batch} WHERE id IN (20, 21) ORDER BY id"),
        rows_query("SELECT 1.5 AS a, 'x' AS b, NULL AS c, 7 AS d"),
        rows_query("SELECT nowhere FROM {batch}"),
        rows_query("SELECT {nowhere} FROM {batch}"),
        rows_query("SELECT '{3}' FROM {batch}"),
        rows_query("SELECT id FROM nowhere"),
        rows_query("SELEC id FROM {batch}"),
        rows_query(""),
        comparison("SELECT id, shop FROM {batch} WHERE id < 6", "SELECT id, shop FROM other WHERE id < 8"),
        comparison("SELECT id, shop FROM {batch} WHERE id < 6", "SELECT id, shop FROM other WHERE id < 8", 0.2),
        comparison("SELECT COUNT(*) FROM {batch};", "SELECT COUNT(*) * 2.0 AS n FROM other;"),
        comparison("SELECT id FROM {batch} WHERE id < 0", "SELECT id FROM other WHERE id < 0"),
        comparison("SELECT id FROM {batch} ORDER BY id", "SELECT id FROM other ORDER BY id", 0.1),
        comparison("SELECT shop, level FROM {batch} WHERE id < 20", "SELECT shop FROM other"),
        comparison("SELECT nowhere FROM {batch}", "SELECT id FROM other"),
        comparison("SELECT id FROM {batch}", "SELECT nowhere FROM other"),
        comparison("SELECT id FROM {batch} b", "SELECT '{x}' FROM other"),
        other(other_table_name="other"),
        other(other_table_name="same"),
        other(other_table_name="nowhere"),
        other(other_table_name="other", row_condition=Column("id") < 150),
    ]


def random_cases(chance: random.Random) -> list:
    def condition() -> str:
        return chance.choice(
            [
                f"amount > {chance.randrange(-40, 400) / 4}",
                f"level = {chance.randrange(5)}",
                "shop IS NULL",
                "shop <> 'n'",
                f"id % {chance.randrange(2, 9)} = 0",
                f"NOT (level < {chance.randrange(5)} OR amount IS NULL)",
            ]
        )

    def listed() -> str:
        return ", ".join(chance.sample(COLUMNS, chance.randrange(1, 4)))

    cases = []
    for _ in range(CASES):
        kind = chance.randrange(4)
        if kind == 0:
            cases.append(rows_query(f"SELECT {listed()} FROM {{batch}} WHERE {condition()} AND {condition()} ORDER BY id"))
        elif kind == 1:
            query = f"SELECT shop, COUNT(*) AS n, MIN(amount) AS least, MAX(level) AS most FROM {{batch}} WHERE {condition()} GROUP BY shop"
            cases.append(rows_query(f"{query} HAVING COUNT(*) > {chance.randrange(60)} ORDER BY n, least, most, COALESCE(shop, '')"))
        elif kind == 2:
            columns = listed()
            cases.append(
                comparison(
                    f"SELECT {columns} FROM {{batch}} WHERE {condition()} AND id < 180",
                    f"SELECT {columns} FROM other WHERE {condition()}",
                    chance.choice([1.0, 0.5, 0.05, 0.0]),
                )
            )
        else:
            column = chance.choice(COLUMNS)
            condition_of = Column(column).is_not_null() if chance.random() < 0.5 else Column("id") < chance.randrange(400)
            name = chance.choice(["other", "same"])
            cases.append(gxe.ExpectTableRowCountToEqualOtherTable(other_table_name=name, row_condition=condition_of))
    return cases


def same(ours: object, theirs: object) -> bool:
    """Whether two values are equal, numbers up to the last digits."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float) or isinstance(theirs, float):
        return None not in (ours, theirs) and math.isclose(ours, theirs, rel_tol=1e-12)
    return ours == theirs


class Queries(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        chance = random.Random(SEED)
        own = rows(300, chance)
        changed = [row if chance.random() < 0.7 else rows(1, chance)[0] for row in own[:150]]
        tables = {"data": own, "other": changed, "same": own}
        database = sqlite3.connect(self.folder / "data.db")
        for name, table in tables.items():
            database.execute(f"CREATE TABLE {name} ({SQL_TYPES})")
            database.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", table)
            with (self.folder / f"{name}.csv").open("w", newline="") as file:
                csv.writer(file).writerows([COLUMNS, *table])
        database.commit()
        database.close()
        self.suite = gx.ExpectationSuite(name="queries")
        for number, expectation in enumerate([*chosen_cases(), *random_cases(chance)]):
            expectation.id = f"00000000-0000-0000-0000-{number:012d}"
            self.suite.expectations.append(expectation)
        (self.folder / "suite.json").write_text(json.dumps(self.suite.to_json_dict()))

    def theirs(self, result_format: str) -> dict:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        source = context.data_sources.add_sqlite("data", connection_string=f"sqlite:///{self.folder / 'data.db'}")
        asset = source.add_table_asset("data", table_name="data")
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        return batch.validate(self.suite, result_format=result_format).to_json_dict()

    def ours(self, result_format: str) -> dict:
        command = [CARDLAKE, "validate", "--suite", "suite.json", "--data", "data.csv", "--json"]
        command += ["--result-format", result_format, "--table", "other=other.csv", "--table", "same=same.csv"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        # Some of the cases cannot be checked, on purpose.
        self.assertEqual(done.returncode, 2, done.stderr)
        return json.loads(done.stdout)

    def test_results_are_those_of_great_expectations(self) -> None:
        differences = []
        for result_format in FORMATS:
            theirs, ours = self.theirs(result_format), self.ours(result_format)
            found = {entry["expectation_config"]["id"]: entry for entry in ours["results"]}
            self.assertEqual(len(theirs["results"]), len(found))
            for entry in theirs["results"]:
                mine = found[entry["expectation_config"]["id"]]
                raised = [each["exception_info"].get("raised_exception") is not False for each in (mine, entry)]
                for field, one, two in [
                    ("success", mine["success"], entry["success"]),
                    ("result", mine["result"], entry["result"]),
                    ("raised", *raised),
                ]:
                    if not same(one, two):
                        kwargs = entry["expectation_config"]["kwargs"]
                        info = mine["exception_info"]
                        differences.append(f"{result_format} {kwargs}: {field}\n  ours   {one} {info}\n  theirs {two}")
            if not differences:
                self.assertTrue(same(ours["statistics"], theirs["statistics"]))
        self.assertFalse(differences, "\n".join(differences))


if __name__ == "__main__":
    unittest.main()
