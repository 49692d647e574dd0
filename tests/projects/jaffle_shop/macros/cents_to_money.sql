{% macro cents_to_money(column_name, decimals=2) -%}
    cast(cast({{ column_name }} as decimal(16, {{ decimals }})) / 100 as decimal(16, {{ decimals }}))
{%- endmacro %}

{# A block that wraps what stands in it. #}
{% macro deduplicated(key) -%}
    select * from (
        select
            *,
            row_number() over (partition by {{ key }} order by {{ key }}) as copy_number
        from ({{ caller() }}) as all_rows
    ) as numbered
    where copy_number = 1
{%- endmacro %}
