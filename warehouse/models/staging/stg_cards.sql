with source as (

    select * from {{ source('raw', 'cards') }}

),

renamed as (

    select
        -- ids
        card_id,
        customer_id,

        -- text
        card_number as card_number_token,
        card_last_four,
        brand,
        status,

        -- dates and timestamps
        issued_at as issued_on,
        ingest_date

    from source

)

select * from renamed
