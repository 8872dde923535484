{# The rows a mirrored table holds now. #}
{% macro current(table) -%}
    {{ source('mirror', table) }} final where _deleted = 0
{%- endmacro %}
