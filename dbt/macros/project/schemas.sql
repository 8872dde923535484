{#
  Each layer is a database of its own name; models without one go to the target's. A rollup of a project's own
  goes to `live`, whatever folder it is in.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if 'own' in node.fqn and node.config.materialized == 'materialized_view' -%}
        live
    {%- else -%}
        {{ custom_schema_name or target.schema }}
    {%- endif -%}
{%- endmacro %}
