{# Facts have no nulls where a store's own rows can't have any; a row that is not complete yet counts as zero. #}

{% macro money(amount) -%}
    cast(ifnull({{ amount }}, 0) as Decimal(18, 2))
{%- endmacro %}

{% macro identity(key) -%}
    cast(ifnull({{ key }}, 0) as Int64)
{%- endmacro %}

{% macro word(text) -%}
    cast(ifnull(toString({{ text }}), '') as LowCardinality(String))
{%- endmacro %}

{% macro moment(time) -%}
    cast(ifnull({{ time }}, toDateTime64(0, 6, 'UTC')) as DateTime64(6, 'UTC'))
{%- endmacro %}
