{#-
    Deletes what was built from rows before the source was loaded anew as a whole, as the loader does when rows left it: the
    build that follows takes all that is there. Nothing else is older than the oldest row of the source.
-#}
{% macro delete_reloaded(target, source) -%}
    delete from {{ target }}
    where load_version < (select coalesce(min(load_version), 9223372036854775807) from {{ source }})
{%- endmacro %}
