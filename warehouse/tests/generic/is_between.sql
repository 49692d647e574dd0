{#- All values of a column lie between two numbers, both included. -#}
{% test is_between(model, column, low, high) %}
select {{ column }}
from {{ model }}
where {{ column }} < {{ low }} or {{ column }} > {{ high }}
{% endtest %}
