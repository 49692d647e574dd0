{#- A count of another one that it is part of, as a decimal from 0 to 1 with six digits; nothing of nothing is 0. -#}
{% macro share(part, whole) -%}
    cast(
        case when {{ whole }} = 0 then 0 else cast({{ part }} as decimal(18, 6)) / {{ whole }} end as decimal(9, 6)
    )
{%- endmacro %}
