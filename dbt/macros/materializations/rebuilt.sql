{#
  A rollup holds sums of what it was given, so it has to be built again when its query changes, or when a fact
  it sums has been built again. Each build leaves a fingerprint of both in the table's comment.
#}
{% macro should_full_refresh() %}
    {% set asked = config.get('full_refresh') %}
    {% if asked is none %}
        {% set asked = flags.FULL_REFRESH %}
    {% endif %}
    {% if asked or config.get('materialized') != 'materialized_view' %}
        {{ return(asked) }}
    {% endif %}
    {{ return(built_from(this) != rollup_fingerprint()) }}
{% endmacro %}


{# The fingerprint a table was built with; empty when there is none. #}
{% macro built_from(relation) %}
    {% set found = run_query(
        "select comment from system.tables where database = '" ~ relation.schema
        ~ "' and name = '" ~ relation.identifier ~ "'"
    ) %}
    {{ return(found.columns[0].values()[0] if found | length else '') }}
{% endmacro %}


{# A table's uuid changes when another is swapped in under its name. #}
{% macro rollup_fingerprint() %}
    {% set names = [] %}
    {% for id in model.depends_on.nodes if id in graph.nodes %}
        {% do names.append("('" ~ graph.nodes[id].schema ~ "', '" ~ graph.nodes[id].alias ~ "')") %}
    {% endfor %}
    {% set sources = run_query(
        "select arraySort(groupArray(toString(uuid))) from system.tables where (database, name) in ("
        ~ (names | join(', ') or "('', '')") ~ ")"
    ) %}
    {{ return(local_md5(model.compiled_code ~ config.get('order_by') ~ sources.columns[0].values()[0])) }}
{% endmacro %}


{# Post-hook of rollups. #}
{% macro remember_build() %}
    {%- if execute and config.get('materialized') == 'materialized_view' -%}
        alter table {{ this }} modify comment '{{ rollup_fingerprint() }}'
    {%- endif -%}
{% endmacro %}
