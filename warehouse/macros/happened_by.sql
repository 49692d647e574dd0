{#-
    What counts on the batch date: everything that had happened or had been delivered by then. A later delivery that
    corrects an old transaction replaces it and carries its own day of delivery; by the day of delivery alone a rerun of
    an old day would lose the transaction.
-#}
{% macro happened_by(date) -%}
    (txn_date <= {{ date }} or ingest_date <= {{ date }})
{%- endmacro %}

{#- The same, of a table with the day from which on its rows count. -#}
{% macro counted_by(date) -%}
    counted_from <= {{ date }}
{%- endmacro %}
