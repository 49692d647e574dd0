{#- A CTE body with the whole numbers 0 to 99999 in column n: Redshift has no generate_series. -#}
{% macro numbers() -%}
    select ones.d + 10 * tens.d + 100 * hundreds.d + 1000 * thousands.d
        + 10000 * ten_thousands.d as n
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
    cross join digits as ten_thousands
{%- endmacro %}

{#- A CTE body with the digits 0 to 9 in column d. -#}
{% macro digits() -%}
    {% for digit in range(10) -%}
    select {{ digit }} as d{% if not loop.last %} union all {% endif %}
    {%- endfor %}
{%- endmacro %}
