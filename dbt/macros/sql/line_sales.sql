{# The measures of rollups at line grain, read from their sums. #}
{% macro line_sales(sums='sums') -%}
    sum({{ sums }}.lines) as lines,
    sum({{ sums }}.counted_lines) as counted_lines,
    sum({{ sums }}.units) as units,
    sum({{ sums }}.gross_amount) as gross_amount,
    sum({{ sums }}.discount_amount) as discount_amount,
    sum({{ sums }}.tax_amount) as tax_amount,
    sum({{ sums }}.revenue) as revenue
{%- endmacro %}
