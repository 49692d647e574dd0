{#-
    An amount of money by another, with six digits; by nothing it is 0. Unlike a share it can be far more than 1: the types
    hold the sum of a million of the largest amounts that the contract of transactions lets in.
-#}
{% macro ratio(amount, by) -%}
    cast(
        case when {{ by }} = 0 then 0 else cast({{ amount }} as decimal(28, 6)) / {{ by }} end as decimal(28, 6)
    )
{%- endmacro %}
