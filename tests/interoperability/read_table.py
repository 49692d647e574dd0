"""Reads a silver table with implementations that share no code with its writer, and prints what they see as JSON.

usage: read_table.py FOLDER EARLIER_VERSION [S3_ENDPOINT]

FOLDER holds the Delta table `transactions`. With an endpoint the table is read once more as s3://silver/transactions.
"""

import json
import os
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import polars
import pyarrow
import pyarrow.compute as compute
import pyarrow.parquet as parquet
from deltalake import DeltaTable

COLUMNS = ["transaction_id", "amount", "txn_date", "merchant_category"]


def plain(value):
    """A value as JSON can hold it, the same from every reader."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value


def rows(records):
    """Records (dicts) as sorted lists of plain values."""
    wanted = [[plain(record.get(column)) for column in [*COLUMNS, "device"]] for record in records]
    return sorted(wanted, key=lambda row: row[0])


def columns_of(table):
    return [*COLUMNS, *(["device"] if "device" in [field.name for field in table.schema().fields] else [])]


def read_by_everyone(folder, table):
    """The rows as each reader sees them: by the Delta log itself, or by the list of files that it gives."""
    columns = columns_of(table)
    files = table.file_uris()
    by_duckdb = duckdb.connect().execute(
        "select * from read_parquet(?, hive_partitioning = true, union_by_name = true)", [files]
    )
    return {
        "pyarrow": rows(table.to_pyarrow_table(columns=columns).to_pylist()),
        "polars": rows(polars.scan_delta(folder).select(columns).collect().to_dicts()),
        "polars, file list": rows(
            polars.scan_parquet(files, hive_partitioning=True, missing_columns="insert", extra_columns="ignore",
                                schema=polars.scan_delta(folder).collect_schema())
            .select(columns).collect().to_dicts()
        ),
        "duckdb, file list": rows(by_duckdb.to_arrow_table().to_pylist()),
    }


def cut(value):
    """As the log has it: timestamps in whole milliseconds."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None) - timedelta(microseconds=value.microsecond % 1000)
    return value


def compare_statistics(folder, table):
    """Holds the statistics of the log against the files. Gives how many were compared, and those that are wrong."""
    compared, wrong = {}, []
    for action in pyarrow.table(table.get_add_actions(flatten=True)).to_pylist():
        content = parquet.ParquetFile(f"{folder}/{action['path']}").read()

        def check(what, found, expected):
            compared[what] = compared.get(what, 0) + 1
            if found != expected:
                wrong.append(f"{action['path']}: {what} is {found}, in the file {expected}")

        check("num_records", action["num_records"], content.num_rows)
        for column in content.column_names:
            if action.get(f"null_count.{column}") is not None:
                check(f"null_count.{column}", action[f"null_count.{column}"], content[column].null_count)
            if action.get(f"min.{column}") is not None:
                bounds = compute.min_max(content[column]).as_py()
                check(f"min.{column}", cut(action[f"min.{column}"]), cut(bounds["min"]))
                check(f"max.{column}", cut(action[f"max.{column}"]), cut(bounds["max"]))
    return {"compared": compared, "wrong": wrong}


def main():
    folder, earlier = sys.argv[1], int(sys.argv[2])
    table = DeltaTable(folder)
    past = DeltaTable(folder, version=earlier)
    seen = {
        "version": table.version(),
        "partition_columns": table.metadata().partition_columns,
        "schema": {field.name: str(field.type.type) if hasattr(field.type, "type") else str(field.type)
                   for field in table.schema().fields},
        "rows": read_by_everyone(folder, table),
        "earlier": {
            "version": past.version(),
            "columns": [field.name for field in past.schema().fields],
            "rows": {
                "pyarrow": rows(past.to_pyarrow_table(columns=COLUMNS).to_pylist()),
                "polars": rows(polars.scan_delta(folder, version=earlier).select(COLUMNS).collect().to_dicts()),
            },
        },
        "one_day": table.to_pyarrow_table(filters=[("txn_date", "=", date(2026, 1, 12))]).num_rows,
        "history": [
            {"version": entry["version"], "operation": entry["operation"],
             "batch": json.loads(entry["userMetadata"]).get("batch_date"), "engine": entry["engineInfo"]}
            for entry in table.history()
        ],
        "statistics": compare_statistics(folder, table),
        "orphans": sorted(
            table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=True, full=True)
        ),
    }
    if len(sys.argv) > 3:
        options = {"AWS_ENDPOINT_URL": sys.argv[3], "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
                   "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        remote = DeltaTable("s3://silver/transactions", storage_options=options)
        seen["rows"]["pyarrow, over S3"] = rows(remote.to_pyarrow_table(columns=columns_of(remote)).to_pylist())
    json.dump(seen, sys.stdout)


main()
# All is printed. The readers leave native threads behind, one of which can abort the interpreter on its way out
# ("terminate called without an active exception").
sys.stdout.flush()
os._exit(0)
