{#- Money rules: only approved transactions count, and refunds are negative. -#}
{% macro net_amount(amount='amount', status='status', is_refund='is_refund') -%}
    case
        when {{ status }} <> 'approved' then 0
        when {{ is_refund }} then -{{ amount }}
        else {{ amount }}
    end
{%- endmacro %}
