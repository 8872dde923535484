{#
  Which orders count as sales: those that were paid for and not cancelled. What was sent back afterwards stays
  a sale; the money given back is a measure of its own, and net revenue is revenue less refunds.
#}
{% macro counted(status) -%}
    cast(ifNull({{ status }} in ('paid', 'shipped', 'delivered', 'returned', 'refunded'), 0) as Bool)
{%- endmacro %}
