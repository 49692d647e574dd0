{{ config(dist='all', sort=['merchant_id', 'valid_from']) }}

with versions as (

    select
        *,
        row_number() over (partition by merchant_id order by dbt_valid_from asc) as version
    from {{ ref('snap_merchants') }}

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

known as (

    select
        coalesce(versions.merchant_id, seen.merchant_id) as merchant_id,
        coalesce(versions.version, 1) as version,
        versions.merchant_name,
        coalesce(versions.mcc, seen.mcc) as mcc,
        seen.merchant_category,
        versions.city,
        versions.country,
        versions.opened_on,
        versions.dbt_valid_from as delivered_on,
        versions.dbt_valid_to as replaced_on,
        versions.merchant_id is null as is_inferred
    from versions
    full outer join seen on versions.merchant_id = seen.merchant_id

),

final as (

    select
        merchant_id || '#' || cast(version as varchar) as merchant_key,
        merchant_id,
        cast(version as integer) as version,
        merchant_name,
        mcc,
        merchant_category,
        city,
        country,
        opened_on,
        case when version = 1 then {{ since_ever() }} else delivered_on end as valid_from,
        coalesce(replaced_on, {{ until_further_notice() }}) as valid_to,
        replaced_on is null as is_current,
        is_inferred
    from known

)

select * from final
