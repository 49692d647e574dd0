with source as (

    select * from {{ source('raw', 'merchants') }}

),

renamed as (

    select
        -- ids
        merchant_id,

        -- text
        name as merchant_name,
        mcc,
        city,
        country,

        -- dates and timestamps
        opened_at as opened_on,
        ingest_date

    from source

)

select * from renamed
