"""Builds a dbt project with dbt-core and DuckDB, over the raw tables of a cardlake warehouse, and compares.

usage: compare.py PROJECT WAREHOUSE_FILE WORK_FOLDER PROCESS_DATE

WAREHOUSE_FILE is the warehouse in which `cardlake` has built the same project as of the same day. WORK_FOLDER keeps dbt's
own database from one call to the next, so that snapshots and incremental models go on. Prints the rows of each relation and
the number of data tests as JSON; ends with 1 and a line for each difference.

Every relation must have the same columns in the same order and the same rows. Numbers with a fraction may differ by one in
their last digit, since Redshift cuts a quotient of decimals off where DuckDB rounds it.
"""

import json
import math
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb

PROFILE = """
{project}:
  target: compare
  outputs:
    compare: {{type: duckdb, path: '{database}', schema: analytics, threads: 2}}
"""


def copy_raw(database, warehouse):
    """Gives dbt the tables that the loader has filled."""
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"attach '{warehouse}' as lake (read_only)")
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'lake' and schema_name = 'raw'"
        ).fetchall()
        connection.execute("create schema if not exists raw")
        for (table,) in tables:
            connection.execute(f'create or replace table raw."{table}" as select * from lake.raw."{table}"')


def build(work, project_name, process_date):
    (work / "profiles.yml").write_text(PROFILE.format(project=project_name, database=work / "dbt.duckdb"))
    command = [str(Path(sys.executable).parent / "dbt"), "--no-version-check", "--no-send-anonymous-usage-stats"]
    command += ["--no-use-colors", "build", "--project-dir", str(work / "project"), "--profiles-dir", str(work)]
    command += ["--vars", json.dumps({"process_date": process_date})]
    outcome = subprocess.run(command, capture_output=True, text=True, cwd=work)
    if outcome.returncode != 0:
        sys.exit(f"dbt cannot build the project:\n{outcome.stdout}\n{outcome.stderr}")
    return json.loads((work / "project/target/manifest.json").read_text())


def rows_of(connection, catalog, schema, name):
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns() where database_name = ? and schema_name = ? and table_name = ? "
        "order by column_index",
        [catalog, schema, name],
    ).fetchall()
    names = [column for column, _ in columns]
    exact = [f'"{c}"' for c, kind in columns if not kind.startswith(("DECIMAL", "DOUBLE", "FLOAT"))]
    rest = [f'"{c}"' for c, kind in columns if kind.startswith(("DECIMAL", "DOUBLE", "FLOAT"))]
    order = ", ".join(exact + rest) or "1"
    rows = connection.execute(f'select * from {catalog}."{schema}"."{name}" order by {order}').fetchall()
    return names, rows


def is_same(left, right):
    numbers = (int, float, Decimal)
    if isinstance(left, bool) or isinstance(right, bool) or not isinstance(left, numbers):
        return left == right
    if not isinstance(right, numbers):
        return False
    if left == right:
        return True
    digits = [-value.as_tuple().exponent for value in (left, right) if isinstance(value, Decimal)]
    last = 10.0 ** -min(digits) if digits else 0.0
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1.000001 * last)


def compare(work, warehouse, manifest):
    """Lines that say what differs, and the rows of each relation."""
    differences, counts = [], {}
    with duckdb.connect(str(work / "dbt.duckdb")) as connection:
        connection.execute(f"attach '{warehouse}' as lake (read_only)")
        own = connection.execute("select current_database()").fetchone()[0]
        nodes = [node for node in manifest["nodes"].values() if node["resource_type"] != "test"]
        for node in nodes:
            if node["config"]["materialized"] == "ephemeral":
                continue
            schema, name = node["schema"], node["alias"]
            columns, rows = rows_of(connection, own, schema, name)
            other_columns, other_rows = rows_of(connection, "lake", schema, name)
            counts[node["name"]] = len(rows)
            if columns != other_columns:
                differences.append(f"{name}: dbt's columns are {columns}, cardlake's {other_columns}")
                continue
            if len(rows) != len(other_rows):
                differences.append(f"{name}: dbt has {len(rows)} rows, cardlake {len(other_rows)}")
                continue
            for row, other in zip(rows, other_rows):
                wrong = [c for c, left, right in zip(columns, row, other) if not is_same(left, right)]
                if wrong:
                    differences.append(f"{name}: {wrong} differ: dbt has {row}, cardlake {other}")
                    break
    return differences, counts


def main(project, warehouse, work, process_date):
    work = Path(work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    shutil.copytree(project, work / "project", dirs_exist_ok=True)
    settings = (work / "project/dbt_project.yml").read_text().splitlines()
    profile = next(line.split(":")[1].strip() for line in settings if line.startswith("profile:"))
    copy_raw(work / "dbt.duckdb", warehouse)
    manifest = build(work, profile, process_date)
    differences, counts = compare(work, warehouse, manifest)
    tests = sorted(node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "test")
    print(json.dumps({"relations": counts, "tests": tests}))
    for difference in differences:
        print(difference, file=sys.stderr)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
