"""dbt-core with dbt-redshift builds the project of the warehouse on the local Redshift, and gets what `cardlake` got.

usage: test_dbt_redshift.py CARDLAKE PROJECT [unittest options]

dbt builds into a schema of its own, beside that of `cardlake`, and one incremental model twice. Both have the same columns in the same
order and the same rows.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import redshift_connector
from dbt.cli.main import dbtRunner

CARDLAKE, PROJECT = None, None
DAY = "2026-01-14"

PROFILE = """
cardlake:
  target: local
  outputs:
    local:
      type: redshift
      host: "{{ env_var('PGHOST') }}"
      port: "{{ env_var('PGPORT') | int }}"
      user: "{{ env_var('PGUSER') }}"
      password: "{{ env_var('PGPASSWORD') }}"
      dbname: "{{ env_var('PGDATABASE') }}"
      schema: by_dbt
      sslmode: disable
      threads: 2
"""


class DbtRedshift(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="cardlake-dbt-"))
        cls.project = cls.folder / "project"
        shutil.copytree(PROJECT, cls.project)
        (cls.folder / "profiles.yml").write_text(PROFILE)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CARDLAKE_", "PG"))}
        lake = ["--data-dir", str(cls.folder / "lake")]
        subprocess.run(
            [CARDLAKE, "run", "--from", DAY, "--to", DAY, "--rows", "1000", *lake],
            check=True,
            env=environment,
            capture_output=True,
        )
        cls.process = subprocess.Popen(
            [CARDLAKE, "up", "--redshift-port", "0", *lake], stdout=subprocess.PIPE, env=environment, text=True
        )
        exports = {}
        while "CARDLAKE_TOKEN_KEY_SECRET" not in exports:
            name, _, value = cls.process.stdout.readline().strip().removeprefix("export ").partition("=")
            exports[name] = value.strip("'")
        login = {name: value for name, value in exports.items() if name.startswith("PG")}
        os.environ |= login | {"DO_NOT_TRACK": "1", "NO_COLOR": "1"}
        cls.connection = redshift_connector.connect(
            host=login["PGHOST"],
            port=int(login["PGPORT"]),
            user=login["PGUSER"],
            password=login["PGPASSWORD"],
            database=login["PGDATABASE"],
            ssl=False,
        )

    @classmethod
    def tearDownClass(cls):
        cls.connection.close()
        cls.process.send_signal(signal.SIGINT)
        cls.process.communicate(timeout=60)
        shutil.rmtree(cls.folder)
        assert cls.process.returncode == 0

    def dbt(self, *arguments, succeeds=True):
        # In this process: loading dbt takes as long as most of what it is asked here.
        options = ["--project-dir", str(self.project), "--profiles-dir", str(self.folder)]
        command = [*arguments, *options, "--quiet", "--vars", json.dumps({"process_date": DAY})]
        done = dbtRunner().invoke(command)
        if succeeds:
            log = (self.project / "logs" / "dbt.log").read_text()
            self.assertTrue(done.success, f"{done.exception}\n{log[-4000:]}")

    def rows(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def artifact(self, name):
        return json.loads((self.project / "target" / name).read_text())

    def relations(self, schema):
        """The columns of each relation, in their order."""
        found = {}
        sql = f"""
            select table_name, column_name, data_type from svv_columns
            where table_schema = '{schema}' order by table_name, ordinal_position
        """
        for table, column, data_type in self.rows(sql):
            found.setdefault(table, []).append((column, data_type))
        return found

    def test_the_project_is_built_as_cardlake_builds_it(self):
        # An incremental model asks the catalog for its columns when it is built again, and changes nothing.
        for least, options in ((200, []), (1, ["--select", "int_customer_daily", "--exclude-resource-type", "test"])):
            self.dbt("build", *options)
            results = self.artifact("run_results.json")["results"]
            self.assertEqual([r["unique_id"] for r in results if r["status"] not in ("success", "pass")], [])
            self.assertGreaterEqual(len(results), least)
        theirs, ours = self.relations("by_dbt"), self.relations("analytics")
        self.assertEqual(sorted(theirs), sorted(ours))
        self.assertGreater(len(theirs), 15)
        for name, columns in theirs.items():
            self.assertEqual([column for column, _ in columns], [column for column, _ in ours[name]], name)
            # Snapshots note when they ran.
            names = [column for column, _ in columns if column not in ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from")]
            listed = ", ".join(f'"{column}"' for column in names)
            both = [f"select {listed} from {schema}.{name}" for schema in ("by_dbt", "analytics")]
            for one, other in (both, both[::-1]):
                difference = self.rows(f"select * from ({one} except {other}) limit 3")
                self.assertEqual(difference, [], f"{name}: {one}, and not {other}")
            counts = self.rows(f"select (select count(*) from by_dbt.{name}), (select count(*) from analytics.{name})")[0]
            self.assertEqual(counts[0], counts[1], name)

        # What dbt reads of the catalog.
        self.dbt("docs", "generate", "--no-compile")
        nodes = self.artifact("catalog.json")["nodes"].values()
        described = {node["metadata"]["name"]: node["columns"] for node in nodes}
        self.assertEqual({name: list(columns) for name, columns in described.items()}, {
            name: [column for column, _ in columns] for name, columns in theirs.items()
        })
        self.dbt("source", "freshness", succeeds=False)
        states = {result["status"] for result in self.artifact("sources.json")["results"]}
        self.assertTrue(states and states <= {"pass", "warn", "error"}, states)


if __name__ == "__main__":
    CARDLAKE, PROJECT = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
