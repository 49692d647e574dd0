with source as (

    select * from {{ source('raw', 'transactions') }}

),

renamed as (

    select
        -- ids
        transaction_id,
        customer_id,
        card_id,
        merchant_id,

        -- text
        currency,
        mcc,
        merchant_category,
        status,
        channel,

        -- numerics
        amount,
        days_late,

        -- booleans
        is_refund,

        -- dates and timestamps
        txn_ts,
        txn_date,
        ingest_date,

        -- lineage
        source_object,
        source_row,
        load_version

    from source

)

select * from renamed
