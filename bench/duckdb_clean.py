"""The same cleaning in DuckDB: `duckdb_clean.py OUTPUT_FOLDER FILE...`."""

import sys

import duckdb

QUERY = """
copy (
    with raw as (
        select *, cast(regexp_extract(filename, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') as date) as ingest_date
        from {source}
    ),
    trimmed as (
        select
            nullif(trim(transaction_id), '') as transaction_id,
            nullif(trim(customer_id), '') as customer_id,
            nullif(trim(card_id), '') as card_id,
            nullif(trim(merchant_id), '') as merchant_id,
            try_cast(trim(txn_ts) as timestamp) as txn_ts,
            try_cast(trim(amount) as decimal(18, 2)) as amount,
            upper(nullif(trim(currency), '')) as currency,
            nullif(trim(mcc), '') as mcc,
            lower(nullif(trim(status), '')) as status,
            lower(trim(is_refund)) in ('true', 't', '1', 'y', 'yes') as is_refund,
            lower(trim(is_refund)) in ('true', 't', '1', 'y', 'yes', 'false', 'f', '0', 'n', 'no') as is_refund_valid,
            lower(nullif(trim(channel), '')) as channel,
            ingest_date
        from raw
    ),
    valid as (
        select
            * exclude (is_refund_valid),
            case mcc when '5411' then 'grocery' when '5812' then 'restaurant' when '5999' then 'retail'
                     when '4121' then 'taxi' when '7011' then 'hotel' end as merchant_category,
            cast(txn_ts as date) as txn_date,
            ingest_date - cast(txn_ts as date) as days_late
        from trimmed
        where try_cast(transaction_id as uuid) is not null
          and try_cast(card_id as uuid) is not null
          and regexp_full_match(customer_id, 'CUS[0-9]{{4,}}')
          and regexp_full_match(merchant_id, 'MER[0-9]{{4,}}')
          and txn_ts is not null and amount is not null
          and currency = 'KRW'
          and mcc in ('5411', '5812', '5999', '4121', '7011')
          and status in ('approved', 'declined')
          and is_refund_valid
          and channel in ('online', 'pos', 'mobile')
          and ingest_date - cast(txn_ts as date) between -1 and 2
    )
    select * from valid
    qualify row_number() over (partition by transaction_id order by ingest_date desc, txn_ts desc) = 1
) to '{output}' (format parquet, compression zstd, partition_by (txn_date, merchant_category), overwrite_or_ignore)
"""


def main():
    output, files = sys.argv[1], sys.argv[2:]
    if ".csv" in files[0]:
        source = f"read_csv({files!r}, all_varchar = true, header = true, filename = true)"
    else:
        names = "transaction_id customer_id card_id merchant_id txn_ts amount currency mcc status is_refund channel"
        columns = ", ".join(f"{name}: 'VARCHAR'" for name in names.split())
        source = f"read_json({files!r}, format = 'newline_delimited', columns = {{{columns}}}, filename = true)"
    connection = duckdb.connect()
    connection.execute("set threads = 2")
    connection.execute(QUERY.format(source=source, output=output))
    rows = connection.execute(f"select count(*) from read_parquet('{output}/*/*/*.parquet')").fetchone()[0]
    print(rows)


if __name__ == "__main__":
    main()
