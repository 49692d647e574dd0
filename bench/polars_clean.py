"""The same cleaning in Polars: `polars_clean.py OUTPUT_FOLDER FILE...`; POLARS_MAX_THREADS sets the threads."""

import re
import sys

import polars as pl

NAMES = "transaction_id customer_id card_id merchant_id txn_ts amount currency mcc status is_refund channel".split()
UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
CATEGORIES = {"5411": "grocery", "5812": "restaurant", "5999": "retail", "4121": "taxi", "7011": "hotel"}
TRUE, FALSE = ["true", "t", "1", "y", "yes"], ["false", "f", "0", "n", "no"]


def scan(path):
    schema = dict.fromkeys(NAMES, pl.String)
    frame = pl.scan_csv(path, schema=schema) if ".csv" in path else pl.scan_ndjson(path, schema=schema)
    day = re.search(r"\d{4}-\d{2}-\d{2}", path).group()
    return frame.with_columns(ingest_date=pl.lit(day).str.to_date())


def text(name):
    trimmed = pl.col(name).str.strip_chars()
    return pl.when(trimmed != "").then(trimmed)


def main():
    output, files = sys.argv[1], sys.argv[2:]
    refund = text("is_refund").str.to_lowercase()
    rows = (
        pl.concat([scan(path) for path in files])
        .with_columns(
            *[text(name).alias(name) for name in ("transaction_id", "customer_id", "card_id", "merchant_id", "mcc")],
            txn_ts=text("txn_ts").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False),
            amount=text("amount").cast(pl.Decimal(18, 2), strict=False),
            currency=text("currency").str.to_uppercase(),
            status=text("status").str.to_lowercase(),
            channel=text("channel").str.to_lowercase(),
            is_refund=pl.when(refund.is_in(TRUE)).then(True).when(refund.is_in(FALSE)).then(False),
        )
        .with_columns(
            merchant_category=pl.col("mcc").replace_strict(CATEGORIES, default=None),
            txn_date=pl.col("txn_ts").dt.date(),
        )
        .with_columns(days_late=(pl.col("ingest_date") - pl.col("txn_date")).dt.total_days().cast(pl.Int32))
        .filter(
            pl.col("transaction_id").str.contains(UUID),
            pl.col("card_id").str.contains(UUID),
            pl.col("customer_id").str.contains("^CUS[0-9]{4,}$"),
            pl.col("merchant_id").str.contains("^MER[0-9]{4,}$"),
            pl.col("amount").is_not_null(),
            pl.col("is_refund").is_not_null(),
            pl.col("currency") == "KRW",
            pl.col("merchant_category").is_not_null(),
            pl.col("status").is_in(["approved", "declined"]),
            pl.col("channel").is_in(["online", "pos", "mobile"]),
            pl.col("days_late").is_between(-1, 2),
        )
        .sort("ingest_date", "txn_ts", descending=True)
        .unique("transaction_id", keep="first", maintain_order=False)
        .collect(engine="streaming")
    )
    rows.write_parquet(output, compression="zstd", partition_by=["txn_date", "merchant_category"])
    print(rows.height)


if __name__ == "__main__":
    main()
