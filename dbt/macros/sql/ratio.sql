{# An amount divided by a count, rounded to cents; null where the count is zero. #}
{% macro ratio(amount, count) -%}
    round(cast({{ amount }} as Decimal(38, 6)) / nullIf({{ count }}, 0), 2)
{%- endmacro %}
