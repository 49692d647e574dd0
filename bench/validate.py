"""The suite of the transactions over a Parquet file: cardlake validate beside Great Expectations on pandas.

    validate.py BINARY [--rows N] [--repeats N] [--unique N] [--twice N]

The file is made once (seeded) and kept in target/bench. It has a few nulls, duplicates and values out of bounds, so that both
have something to find. The suite is the project's own, without what pandas cannot know: types of Arrow, lineage columns. Each
tool runs as a process of its own; seconds and memory are the whole process's, as the kernel counts them, imports and reading
the file included. Of several repeats the fastest counts. Both have to find the same.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from silver import BENCH, HERE, measure

CATEGORIES = {"5411": "grocery", "5812": "restaurant", "5999": "retail", "4121": "taxi", "7011": "hotel"}


def identifiers(random, rows):
    """Random UUIDs as text."""
    text = pa.array(np.frombuffer(random.bytes(16 * rows).hex().encode(), dtype="S32").astype("U32"))
    cut = [pc.utf8_slice_codeunits(text, start, stop) for start, stop in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))]
    return pa.chunked_array(pc.binary_join_element_wise(*cut, "-")).combine_chunks()


def make_data(path, rows):
    random = np.random.default_rng(42)
    choose = lambda values, p=None: pa.array(np.array(values)[random.choice(len(values), rows, p=p)])
    mcc = random.integers(0, len(CATEGORIES), rows)
    amount = np.round(random.lognormal(9.5, 1.2, rows), 2)
    amount[:: rows // 50] *= -1
    channel = choose(["online", "pos", "mobile", "fax"], [0.3, 0.4, 0.2999, 0.0001])
    seconds = random.integers(0, 86400, rows)
    transaction = identifiers(random, rows)
    # Some rows come twice.
    transaction = pa.concat_arrays([transaction.slice(0, rows - 20), transaction.slice(0, 20)])
    nulls = np.zeros(rows, dtype=bool)
    nulls[:: rows // 30] = True
    cards = identifiers(random, 50_000).take(pa.array(random.integers(0, 50_000, rows)))
    numbered = lambda prefix, most: pa.array(np.char.add(prefix, random.integers(1000, most, rows).astype("U")))
    table = pa.table(
        {
            "transaction_id": transaction,
            "customer_id": numbered("CUS", 60_000),
            "card_id": cards,
            "merchant_id": pa.array(numbered("MER", 5_000).to_numpy(zero_copy_only=False), mask=nulls),
            "txn_ts": pa.array(np.datetime64("2026-01-15", "us") + seconds.astype("timedelta64[s]")),
            "amount": pa.array(amount),
            "currency": pa.array(np.full(rows, "KRW")),
            "mcc": pa.array(np.array(list(CATEGORIES))[mcc]),
            "status": choose(["approved", "declined"], [0.9, 0.1]),
            "is_refund": choose([True, False], [0.02, 0.98]),
            "channel": channel,
            "days_late": pa.array(random.choice([0, 1, 2], rows, p=[0.95, 0.03, 0.02])),
            "merchant_category": pa.array(np.array(list(CATEGORIES.values()))[mcc]),
        }
    )
    pq.write_table(table, path, compression="zstd", row_group_size=128 * 1024)


def make_identifiers(path, rows, twice):
    """A file of UUIDs, made in parts: all different, or the first half of the rows once more."""
    part = 500_000
    distinct = rows // 2 if twice else rows
    with pq.ParquetWriter(path, pa.schema([("id", pa.string())]), compression="zstd", use_dictionary=False) as writer:
        for _ in range(2 if twice else 1):
            random = np.random.default_rng(7)
            for start in range(0, distinct, part):
                ids = identifiers(random, min(part, distinct - start))
                writer.write_table(pa.table({"id": ids}), row_group_size=128 * 1024)


def measure_uniqueness(binary, options):
    suite = BENCH / "validate-unique.suite.json"
    expectation = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}
    suite.write_text(json.dumps({"name": "unique", "expectations": [expectation]}))
    print("\n| rows | ids | wall s | processor s | peak memory |\n|--:|---|--:|--:|--:|")
    for rows, twice in ((options.unique, False), (options.twice, True)):
        data = BENCH / f"validate-{'twice' if twice else 'unique'}-{rows}.parquet"
        if not data.exists():
            make_identifiers(data, rows, twice)
        command = [binary, "validate", "--suite", str(suite), "--data", str(data), "--json"]
        runs = [measure(command, {}, whole=True, codes=(0, 1)) for _ in range(options.repeats)]
        wall, processor, memory, printed = min(runs)
        count = json.loads(printed)["results"][0]["result"]["unexpected_count"]
        if count != (rows if twice else 0):
            sys.exit(f"{count:,} rows are not unique")
        kind = "each twice" if twice else "unique"
        print(f"| {rows:,} | {kind} | {wall:.2f} | {processor:.2f} | {memory / 1e6:,.0f} MB |")


def make_suite(path, columns):
    suite = json.loads((HERE.parent / "expectations/transactions.json").read_text())
    known_to_arrow_alone = ("expect_column_values_to_be_of_type", "expect_table_columns_to_match_set")
    suite["expectations"] = [
        expectation
        for expectation in suite["expectations"]
        if expectation["type"] not in known_to_arrow_alone and expectation["kwargs"].get("column", columns[0]) in columns
    ]
    path.write_text(json.dumps(suite))
    return len(suite["expectations"])


def found(document):
    """What a result says, by expectation, in the words of both."""
    fields = ("element_count", "unexpected_count", "missing_count", "observed_value", "partial_unexpected_index_list")
    return {
        entry["expectation_config"]["id"]: (entry["success"], [entry["result"].get(field) for field in fields])
        for entry in document["results"]
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--unique", type=int, default=32_000_000)
    parser.add_argument("--twice", type=int, default=10_000_000)
    options = parser.parse_args()
    BENCH.mkdir(parents=True, exist_ok=True)
    data, suite, output = (BENCH / f"validate-{options.rows}.{kind}" for kind in ("parquet", "suite.json", "result.json"))
    if not data.exists():
        make_data(data, options.rows)
    expectations = make_suite(suite, pq.read_schema(data).names)
    print(f"{options.rows:,} rows, {data.stat().st_size / 1e6:,.0f} MB of Parquet, {expectations} expectations")

    ours = [options.binary, "validate", "--suite", str(suite), "--data", str(data), "--json"]
    theirs = [sys.executable, str(HERE / "great_expectations_validate.py"), str(data), str(suite), str(output)]
    mine = [measure(ours, {}, whole=True, codes=(0, 1)) for _ in range(options.repeats)]
    other = [measure(theirs, {}) for _ in range(options.repeats)]
    wall, processor, memory, printed = min(mine)
    their_wall, their_processor, their_memory, seconds = min(other)
    if found(json.loads(printed)) != found(json.loads(output.read_text())):
        sys.exit("the results differ")
    print("| tool | wall s | processor s | peak memory | wall | processor |\n|---|--:|--:|--:|--:|--:|")
    print(f"| cardlake | {wall:.2f} | {processor:.2f} | {memory / 1e6:,.0f} MB | 1x | 1x |")
    print(
        f"| Great Expectations on pandas | {their_wall:.1f} | {their_processor:.1f} | {their_memory / 1e6:,.0f} MB "
        f"| {their_wall / wall:.0f}x | {their_processor / processor:.0f}x |"
    )
    print(f"of theirs, the validation alone: {float(seconds):.1f} s ({float(seconds) / wall:.0f}x)")
    measure_uniqueness(options.binary, options)


if __name__ == "__main__":
    main()
