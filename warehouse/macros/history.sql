{#-
    Dimensions with a history have one row per version: valid from a day on, that day included, up to another, that day
    excluded. The first version is valid since ever: what happened before the first delivery finds it too.
-#}
{% macro since_ever() -%}
    cast('1900-01-01' as date)
{%- endmacro %}

{% macro until_further_notice() -%}
    cast('9999-12-31' as date)
{%- endmacro %}

{#- Whether a version of a dimension was valid on a day. -#}
{% macro was_valid(dimension, day) -%}
    {{ day }} >= {{ dimension }}.valid_from and {{ day }} < {{ dimension }}.valid_to
{%- endmacro %}
