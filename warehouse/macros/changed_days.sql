{#-
    Tables that hold the transactions by day are kept up to date by day: first what is not as in the source any more is
    deleted, then what is missing is added. A day differs from the source in its number of rows or in the newest version that
    the loader took over. No difference is missed: a row that came to a day or changed on it has a newer version there, and one
    that left a day, deleted or moved to another one, leaves it with one row less. So late days, corrections and a
    reloaded source all come to what a full refresh gives, and only the days that differ are read.
-#}
{% macro rows_by_day(relation, row_count='count(*)') -%}
    select
        txn_date,
        {{ row_count }} as row_count,
        max(load_version) as load_version
    from {{ relation }}
    group by txn_date
{%- endmacro %}

{#- Days of a table that are not as in the source any more. -#}
{% macro changed_days(target, source, row_count='count(*)') -%}
    select held.txn_date
    from ({{ rows_by_day(target, row_count) }}) as held
    left join ({{ rows_by_day(source) }}) as expected on held.txn_date = expected.txn_date
    where expected.txn_date is null
        or expected.row_count <> held.row_count
        or expected.load_version <> held.load_version
{%- endmacro %}

{#- Days of the source of which a table lacks rows. -#}
{% macro missing_days(target, source, row_count='count(*)') -%}
    select expected.txn_date
    from ({{ rows_by_day(source) }}) as expected
    left join ({{ rows_by_day(target, row_count) }}) as held on expected.txn_date = held.txn_date
    where held.txn_date is null
        or expected.row_count <> held.row_count
{%- endmacro %}

{#- Deletes the days that are not as in the source any more, from a table with one row for several transactions. -#}
{% macro delete_changed_days(target, source, row_count) -%}
    delete from {{ target }}
    where txn_date in ({{ changed_days(target, source, row_count) }})
{%- endmacro %}

{#- Deletes the transactions that are not as in the source any more, from a table with one row for each. -#}
{% macro delete_changed_transactions(target, source) -%}
    delete from {{ target }}
    where txn_date in ({{ changed_days(target, source) }})
        and not exists (
            select 1
            from {{ source }} as expected
            where expected.transaction_id = {{ target }}.transaction_id
                and expected.load_version = {{ target }}.load_version
                and expected.txn_date = {{ target }}.txn_date
                and expected.txn_date in ({{ changed_days(target, source) }})
        )
{%- endmacro %}

{#- Deletes the transactions whose customer or merchant has a version since that was valid on their day. -#}
{% macro delete_outdated_versions(target, customers, merchants) -%}
    delete from {{ target }}
    where transaction_id in (
        select facts.transaction_id
        from {{ target }} as facts
        inner join {{ customers }} as customers
            on facts.customer_id = customers.customer_id
            and {{ was_valid('customers', 'facts.txn_date') }}
        -- The first version has the same key before and after its delivery.
        where customers.version > 1
            and facts.customer_key <> customers.customer_key
        union all
        select facts.transaction_id
        from {{ target }} as facts
        inner join {{ merchants }} as merchants
            on facts.merchant_id = merchants.merchant_id
            and {{ was_valid('merchants', 'facts.txn_date') }}
        where merchants.version > 1
            and facts.merchant_key <> merchants.merchant_key
    )
{%- endmacro %}
