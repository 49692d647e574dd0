{#- The day that counts as today: the batch date, so that a rerun of an old day gives that day's answer. -#}
{% macro process_date() -%}
    {%- if var('process_date', none) -%}
        cast('{{ var("process_date") }}' as date)
    {%- else -%}
        current_date
    {%- endif -%}
{%- endmacro %}
