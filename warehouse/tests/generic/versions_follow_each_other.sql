{#- The versions of a key follow each other without gap or overlap, and one of them, the last, is the current one. -#}
{% test versions_follow_each_other(model, key) %}
with versions as (

    select
        {{ key }} as version_of,
        valid_from,
        valid_to,
        is_current,
        lead(valid_from) over (partition by {{ key }} order by version asc) as next_from
    from {{ model }}

)

select *
from versions
where valid_from > valid_to
    or (is_current and (next_from is not null or valid_to <> {{ until_further_notice() }}))
    or (not is_current and (next_from is null or valid_to <> next_from))
{% endtest %}
