{{ config(dist='customer_id', sort=['customer_id', 'valid_from']) }}

with versions as (

    select
        *,
        row_number() over (partition by customer_id order by dbt_valid_from asc) as version
    from {{ ref('snap_customers') }}

),

-- Customers of whom only transactions are known yet: facts always find their customer.
seen as (

    select distinct customer_id from {{ ref('int_customer_daily') }}

),

known as (

    select
        coalesce(versions.customer_id, seen.customer_id) as customer_id,
        coalesce(versions.version, 1) as version,
        versions.name_token,
        versions.email_token,
        versions.city,
        versions.segment as signup_segment,
        versions.signed_up_at,
        versions.dbt_valid_from as delivered_on,
        versions.dbt_valid_to as replaced_on,
        versions.customer_id is null as is_inferred
    from versions
    full outer join seen on versions.customer_id = seen.customer_id

),

final as (

    select
        customer_id || '#' || cast(version as varchar) as customer_key,
        customer_id,
        cast(version as integer) as version,
        name_token,
        email_token,
        city,
        signup_segment,
        signed_up_at,
        case when version = 1 then {{ since_ever() }} else delivered_on end as valid_from,
        coalesce(replaced_on, {{ until_further_notice() }}) as valid_to,
        replaced_on is null as is_current,
        is_inferred
    from known

)

select * from final
