with source as (

    select * from {{ source('raw', 'customers') }}

),

renamed as (

    select
        -- ids
        customer_id,

        -- text
        name as name_token,
        email as email_token,
        city,
        segment,

        -- dates and timestamps
        created_at as signed_up_at,
        ingest_date

    from source

)

select * from renamed
