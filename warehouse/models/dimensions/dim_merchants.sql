{{ config(dist='all', sort='merchant_id') }}

with merchants as (

    select * from {{ ref('stg_merchants') }}

),

-- Merchants of whom only transactions are known yet: facts always find their merchant.
seen as (

    select
        merchant_id,
        min(mcc) as mcc,
        min(merchant_category) as merchant_category
    from {{ ref('stg_transactions') }}
    group by merchant_id

),

final as (

    select
        coalesce(merchants.merchant_id, seen.merchant_id) as merchant_id,
        merchants.merchant_name,
        coalesce(merchants.mcc, seen.mcc) as mcc,
        seen.merchant_category,
        merchants.city,
        merchants.country,
        merchants.opened_on,
        merchants.merchant_id is null as is_inferred
    from merchants
    full outer join seen on merchants.merchant_id = seen.merchant_id

)

select * from final
