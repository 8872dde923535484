{# The measures every sales rollup has, read from its sums. Exact whatever the state of the merges. #}
{% macro sales(sums='sums') -%}
    sum({{ sums }}.orders) as orders,
    sum({{ sums }}.counted_orders) as counted_orders,
    sum({{ sums }}.units) as units,
    sum({{ sums }}.revenue) as revenue,
    sum({{ sums }}.refunds) as refunds,
    sum({{ sums }}.revenue) - sum({{ sums }}.refunds) as net_revenue,
    {{ ratio('sum(' ~ sums ~ '.revenue)', 'sum(' ~ sums ~ '.counted_orders)') }} as average_order_value
{%- endmacro %}
