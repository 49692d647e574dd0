"""Reads a table whose partition values need an escape, has it compacted by deltalake, and prints both as JSON.

usage: partitions_and_optimize.py FOLDER
"""

import json
import os
import sys

import duckdb
import polars
from deltalake import DeltaTable


def rows(records):
    return sorted([record["transaction_id"], record["merchant_category"]] for record in records)


folder = sys.argv[1]
table = DeltaTable(folder)
files = table.file_uris()
columns = ["transaction_id", "merchant_category"]
paths = [f"{folder}/{action}" for action in
         (os.path.relpath(os.path.join(place, name), folder) for place, _, names in os.walk(folder) for name in names)
         if action.endswith(".parquet") and not action.startswith("_")]
by_duckdb = duckdb.connect().execute(
    "select transaction_id, merchant_category from read_parquet(?, hive_partitioning = true)", [paths]
)
seen = {
    "deltalake": rows(table.to_pyarrow_table(columns=columns).to_pylist()),
    "polars": rows(polars.scan_delta(folder).select(columns).collect().to_dicts()),
    "polars, folders": rows(polars.scan_parquet(paths, hive_partitioning=True).select(columns).collect().to_dicts()),
    "duckdb, folders": rows(by_duckdb.to_arrow_table().to_pylist()),
    "filtered": rows(table.to_pyarrow_table(columns=columns, filters=[("merchant_category", "=", "a b=c/d 25%")])
                     .to_pylist()),
}
metrics = table.optimize.compact()
json.dump({"seen": seen, "files": [metrics["numFilesAdded"], metrics["numFilesRemoved"]]}, sys.stdout)
sys.stdout.flush()
# Native threads of the readers can abort an orderly end of the interpreter.
os._exit(0)
