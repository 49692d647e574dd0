"""Runs the real Great Expectations over some tables and suites, and leaves what it found for the comparison with ours.

    run.py FOLDER

For each case FOLDER gets NAME.parquet, NAME.suite.json and, for each result format, NAME.FORMAT.json; a format that is more than
a name is in NAME.DETAILED.format.json, and its results are in NAME.DETAILED.json. What a run stamps (times, fingerprints,
tracebacks) is left out. JSON has no infinities: they are texts.
"""

import datetime
import decimal
import json
import math
import pathlib
import sys

import great_expectations as gx
import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from great_expectations.expectations.row_conditions import Column
from date_cases import date_cases
from odd_cases import odd_cases
from partition_cases import partition_cases
from random_cases import random_cases
from schema_cases import schema_cases

RESULT_FORMATS = ["BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE"]


def table() -> pa.Table:
    rows = 60
    days = [datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(hours=7 * i) for i in range(rows)]
    return pa.table(
        {
            "id": pa.array(range(1, rows + 1), pa.int64()),
            "code": pa.array([f"T-{i:03d}" for i in range(1, rows + 1)], pa.string()),
            "twice": pa.array([i // 2 if i in (8, 9, 30, 31) else 100 + i for i in range(rows)], pa.int64()),
            "shop": pa.array([["north", "south", "west", None][i % 4] for i in range(rows)], pa.string()),
            "price": pa.array([None if i % 13 == 5 else round(i * 1.25 - 3.5, 2) for i in range(rows)], pa.float64()),
            "cost": pa.array([round(i * 1.0, 2) for i in range(rows)], pa.float64()),
            "tax": pa.array([None if i % 20 == 3 else float(i % 7) for i in range(rows)], pa.float64()),
            "level": pa.array([(i * 7) % 10 for i in range(rows)], pa.int64()),
            "rising": pa.array([i if i != 40 else 38 for i in range(rows)], pa.int64()),
            "mail": pa.array([None if i % 10 == 0 else ("broken" if i % 17 == 1 else f"m{i}@example.com") for i in range(rows)], pa.string()),
            "name": pa.array(["김하늘" if i % 9 == 0 else "Ana Ruiz" for i in range(rows)], pa.string()),
            "at": pa.array(days, pa.timestamp("us", tz="UTC")),
            "flag": pa.array([i % 3 == 0 for i in range(rows)], pa.bool_()),
        }
    )


def expectations() -> list:
    columns = table().column_names
    pairs = [
        gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=100),
        gxe.ExpectTableRowCountToBeBetween(min_value=61),
        gxe.ExpectTableRowCountToEqual(value=60),
        gxe.ExpectTableColumnCountToEqual(value=12),
        gxe.ExpectTableColumnCountToBeBetween(min_value=5, max_value=20),
        gxe.ExpectTableColumnsToMatchSet(column_set=columns),
        gxe.ExpectTableColumnsToMatchSet(column_set=columns[1:] + ["extra"]),
        gxe.ExpectTableColumnsToMatchSet(column_set=columns[:3], exact_match=False),
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=columns),
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=["code", "id"]),
        gxe.ExpectColumnToExist(column="id"),
        gxe.ExpectColumnToExist(column="shop", column_index=2),
        gxe.ExpectColumnToExist(column="nowhere"),
        gxe.ExpectColumnValuesToNotBeNull(column="id"),
        gxe.ExpectColumnValuesToNotBeNull(column="price", mostly=0.9),
        gxe.ExpectColumnValuesToNotBeNull(column="price"),
        gxe.ExpectColumnValuesToNotBeNull(column="nowhere"),
        gxe.ExpectColumnValuesToBeNull(column="shop", mostly=0.2),
        gxe.ExpectColumnValuesToBeNull(column="level"),
        gxe.ExpectColumnValuesToBeInSet(column="shop", value_set=["north", "south", "west"]),
        gxe.ExpectColumnValuesToBeInSet(column="shop", value_set=["north"], severity="warning"),
        gxe.ExpectColumnValuesToBeInSet(column="level", value_set=[0, 1, 2, 3, 4], mostly=0.5),
        gxe.ExpectColumnValuesToBeInSet(column="tax", value_set=[0, 1, 2, 3, 4, 5], severity="info"),
        gxe.ExpectColumnValuesToNotBeInSet(column="shop", value_set=["east"]),
        gxe.ExpectColumnValuesToNotBeInSet(column="level", value_set=[3, 5]),
        gxe.ExpectColumnValuesToBeBetween(column="price", min_value=0.0),
        gxe.ExpectColumnValuesToBeBetween(column="price", min_value=-3.5, max_value=50.25, strict_min=True, mostly=0.7),
        gxe.ExpectColumnValuesToBeBetween(column="level", min_value=0, max_value=9),
        gxe.ExpectColumnValuesToBeBetween(column="level", max_value=9, strict_max=True),
        gxe.ExpectColumnValuesToMatchRegex(column="code", regex="^T-[0-9]{3}$"),
        gxe.ExpectColumnValuesToMatchRegex(column="mail", regex="@example"),
        gxe.ExpectColumnValuesToNotMatchRegex(column="mail", regex="^m1"),
        gxe.ExpectColumnValuesToMatchRegexList(column="mail", regex_list=["^m[0-9]+@", "^broken$"]),
        gxe.ExpectColumnValuesToMatchRegexList(column="mail", regex_list=["^m", "3"], match_on="all"),
        gxe.ExpectColumnValuesToNotMatchRegexList(column="mail", regex_list=["^m2", "^m3"]),
        gxe.ExpectColumnValueLengthsToBeBetween(column="name", min_value=4),
        gxe.ExpectColumnValueLengthsToEqual(column="code", value=5),
        gxe.ExpectColumnValueLengthsToEqual(column="name", value=3),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
        gxe.ExpectColumnValuesToBeUnique(column="twice"),
        gxe.ExpectColumnValuesToBeUnique(column="shop"),
        gxe.ExpectColumnValuesToBeOfType(column="level", type_="int64"),
        gxe.ExpectColumnValuesToBeOfType(column="price", type_="int64"),
        gxe.ExpectColumnValuesToBeInTypeList(column="price", type_list=["int64", "float64"]),
        gxe.ExpectColumnValuesToBeIncreasing(column="id", strictly=True),
        gxe.ExpectColumnValuesToBeIncreasing(column="rising"),
        gxe.ExpectColumnValuesToBeIncreasing(column="price"),
        gxe.ExpectColumnValuesToBeDecreasing(column="tax"),
        gxe.ExpectColumnMinToBeBetween(column="price", min_value=-5.0, max_value=0.0),
        gxe.ExpectColumnMaxToBeBetween(column="price", min_value=10.0, max_value=20.0),
        gxe.ExpectColumnMaxToBeBetween(column="level", min_value=9, max_value=9),
        gxe.ExpectColumnMeanToBeBetween(column="price", min_value=20.0, max_value=40.0),
        gxe.ExpectColumnMedianToBeBetween(column="price", min_value=20.0, max_value=40.0),
        gxe.ExpectColumnMedianToBeBetween(column="level", min_value=5),
        gxe.ExpectColumnStdevToBeBetween(column="price", min_value=1.0, max_value=10.0),
        gxe.ExpectColumnSumToBeBetween(column="cost", min_value=1000.0, max_value=2000.0),
        gxe.ExpectColumnSumToBeBetween(column="level", min_value=1, max_value=2),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="shop", min_value=3, max_value=3),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="twice", min_value=60),
        gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="twice", min_value=0.9, max_value=1.0),
        gxe.ExpectColumnMostCommonValueToBeInSet(column="shop", value_set=["north"]),
        gxe.ExpectColumnMostCommonValueToBeInSet(column="name", value_set=["Ana Ruiz", "x"]),
        gxe.ExpectColumnDistinctValuesToBeInSet(column="shop", value_set=["north", "south"]),
        gxe.ExpectColumnDistinctValuesToBeInSet(column="level", value_set=list(range(10))),
        gxe.ExpectColumnDistinctValuesToContainSet(column="shop", value_set=["north", "east"]),
        gxe.ExpectColumnDistinctValuesToContainSet(column="level", value_set=[1, 2]),
        gxe.ExpectColumnDistinctValuesToEqualSet(column="shop", value_set=["north", "south", "west"]),
        gxe.ExpectColumnDistinctValuesToEqualSet(column="shop", value_set=["north", "east"]),
        gxe.ExpectColumnQuantileValuesToBeBetween(
            column="price",
            quantile_ranges={"quantiles": [0.1, 0.5, 0.9], "value_ranges": [[None, 10.0], [30.0, 40.0], [60.0, None]]},
        ),
        gxe.ExpectColumnQuantileValuesToBeBetween(
            column="level",
            quantile_ranges={"quantiles": [0.25, 0.75], "value_ranges": [[5, 6], [6, 8]]},
            allow_relative_error="linear",
        ),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["id", "code"]),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["shop", "level"]),
        gxe.ExpectColumnPairValuesToBeEqual(column_A="price", column_B="cost"),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="price", column_B="cost", or_equal=True),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="price", column_B="tax", ignore_row_if="either_value_is_missing"
        ),
        gxe.ExpectColumnPairValuesToBeInSet(
            column_A="level", column_B="flag", value_pairs_set=[(level, flag) for level in range(5) for flag in (True, False)]
        ),
        gxe.ExpectMulticolumnSumToEqual(column_list=["level", "rising"], sum_total=21),
        gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["id", "level", "rising"]),
        gxe.ExpectColumnValuesToBeInSet(
            column="level", value_set=[0, 4, 8], row_condition='shop=="north"', condition_parser="pandas"
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="price", min_value=0.0, row_condition=(Column("level") > 3) & (Column("shop") == "south")
        ),
        gxe.ExpectColumnValuesToNotBeNull(column="mail", row_condition=Column("price").is_null()),
    ]
    return pairs


def typed_table() -> pa.Table:
    """Decimals, dates, timestamps without zone, truth values; with nulls."""
    rows = 40
    day = datetime.date(2026, 1, 1)
    return pa.table(
        {
            "amount": pa.array([None if i % 11 == 4 else decimal.Decimal(i * 137 - 500).scaleb(-2) for i in range(rows)], pa.decimal128(18, 2)),
            "day": pa.array([None if i % 9 == 2 else day + datetime.timedelta(days=i % 17) for i in range(rows)], pa.date32()),
            "moment": pa.array([datetime.datetime(2026, 1, 1, 12) + datetime.timedelta(minutes=37 * i) for i in range(rows)], pa.timestamp("us")),
            "zoned": pa.array([None if i == 7 else datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(hours=i) for i in range(rows)], pa.timestamp("us", tz="UTC")),
            "flag": pa.array([None if i % 8 == 5 else i % 3 == 0 for i in range(rows)], pa.bool_()),
            "small": pa.array([i % 5 for i in range(rows)], pa.int32()),
            "nothing": pa.array([None] * rows, pa.string()),
        }
    )


def typed_expectations() -> list:
    return [
        gxe.ExpectColumnValuesToBeBetween(column="amount", min_value=0, max_value=40),
        gxe.ExpectColumnValuesToBeBetween(column="amount", min_value=-5, strict_min=True, mostly=0.9),
        gxe.ExpectColumnValuesToBeUnique(column="amount"),
        gxe.ExpectColumnValuesToNotBeNull(column="amount", mostly=0.9),
        gxe.ExpectColumnMinToBeBetween(column="amount", min_value=-5, max_value=0),
        gxe.ExpectColumnMaxToBeBetween(column="amount", max_value=10),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="amount", min_value=1, max_value=10),
        gxe.ExpectColumnValuesToNotBeNull(column="day"),
        gxe.ExpectColumnValuesToBeUnique(column="day"),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="day", min_value=17, max_value=17),
        gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="day", min_value=0.9),
        gxe.ExpectColumnValuesToBeBetween(column="moment", min_value="2026-01-01T12:37:00", max_value="2026-01-02T00:00:00"),
        gxe.ExpectColumnValuesToBeBetween(column="moment", min_value="2026-01-01T12:37:00", strict_min=True),
        gxe.ExpectColumnValuesToBeUnique(column="moment"),
        gxe.ExpectColumnValuesToBeIncreasing(column="small"),
        gxe.ExpectColumnValuesToBeUnique(column="zoned"),
        gxe.ExpectColumnValuesToNotBeNull(column="zoned"),
        gxe.ExpectColumnValuesToBeInSet(column="flag", value_set=[True]),
        gxe.ExpectColumnValuesToBeInSet(column="flag", value_set=[True, False]),
        gxe.ExpectColumnValuesToNotBeInSet(column="flag", value_set=[False], mostly=0.3),
        gxe.ExpectColumnDistinctValuesToEqualSet(column="flag", value_set=[True, False]),
        gxe.ExpectColumnMostCommonValueToBeInSet(column="flag", value_set=[False]),
        gxe.ExpectColumnValuesToBeNull(column="nothing"),
        gxe.ExpectColumnValuesToNotBeNull(column="nothing"),
        gxe.ExpectColumnValuesToBeInSet(column="nothing", value_set=["a"]),
        gxe.ExpectColumnValuesToBeUnique(column="nothing"),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="nothing", max_value=0),
        gxe.ExpectColumnPairValuesToBeEqual(column_A="small", column_B="small"),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["day", "flag"]),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["day", "small"], ignore_row_if="any_value_is_missing"),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["day", "nothing"], ignore_row_if="never"),
        gxe.ExpectColumnValuesToBeInSet(column="small", value_set=[0, 1], row_condition=Column("amount") > 10),
        gxe.ExpectColumnValuesToNotBeNull(column="day", row_condition=Column("flag") == True),  # noqa: E712
        gxe.ExpectColumnValuesToBeInSet(column="small", value_set=[0, 1, 2], row_condition="moment > \"2026-01-02\"", condition_parser="pandas"),
        gxe.ExpectColumnValuesToBeInSet(column="small", value_set=[4], row_condition=Column("small").is_in([3, 4])),
        gxe.ExpectColumnValuesToBeInSet(column="small", value_set=[4], row_condition=Column("day").is_not_null() | (Column("small") <= 1)),
        gxe.ExpectTableRowCountToBeBetween(min_value=40, strict_min=True),
        gxe.ExpectTableRowCountToEqual(value=40, severity="info"),
    ]


def clean(result: dict) -> dict:
    """Drops what a run stamps, and tells whether an exception was raised."""
    for entry in result["results"]:
        info = entry.pop("exception_info")
        entry["raised"] = info.get("raised_exception") is not False
        entry["messages"] = [each.get("exception_message") for each in info.values() if isinstance(each, dict)]
        entry["expectation_config"]["kwargs"].pop("batch_id", None)
        entry["result"].pop("unexpected_index_query", None)
    return {key: result[key] for key in ("success", "results", "statistics", "suite_name")}


def plain(value: object) -> object:
    """What JSON does not know: numpy's own values, decimals."""
    return value.item() if hasattr(value, "item") else float(value)


def without_infinities(value: object) -> object:
    """Infinities as texts, NaN as nothing."""
    if isinstance(value, dict):
        return {key: without_infinities(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_infinities(each) for each in value]
    if isinstance(value, (float, np.floating)) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    cases = [
        ("full", table(), expectations(), None),
        ("empty", table().slice(0, 0), expectations(), None),
        ("typed", typed_table(), typed_expectations(), None),
        *((*case, None) for case in random_cases()),
        *((*case, None) for case in partition_cases()),
        *((*case, None) for case in schema_cases()),
        *((*case, None) for case in date_cases()),
        *odd_cases(),
    ]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("pandas")
    for name, data, expected, detailed in cases:
        suite = gx.ExpectationSuite(name="differential")
        for number, expectation in enumerate(expected):
            expectation.id = f"00000000-0000-0000-0000-{number:012d}"
            suite.expectations.append(expectation)
        (folder / f"{name}.suite.json").write_text(json.dumps(without_infinities(suite.to_json_dict()), indent=1))
        pq.write_table(data, folder / f"{name}.parquet", row_group_size=17, compression="zstd")
        asset = source.add_dataframe_asset(name)
        frame = pd.read_parquet(folder / f"{name}.parquet")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        formats = {result_format: result_format for result_format in (RESULT_FORMATS if name == "full" else ["COMPLETE"])}
        if detailed is not None:
            formats["DETAILED"] = detailed
            (folder / f"{name}.DETAILED.format.json").write_text(json.dumps(detailed))
        for label, result_format in formats.items():
            result = batch.validate(suite, result_format=result_format).to_json_dict()
            text = json.dumps(without_infinities(clean(result)), indent=1, default=plain, allow_nan=False)
            (folder / f"{name}.{label}.json").write_text(text)


if __name__ == "__main__":
    main()
