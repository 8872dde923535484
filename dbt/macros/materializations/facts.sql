{#
  A fact: one row per thing that happened, as signed rows. What no longer holds gets a row with sign -1, what
  now holds one with +1; `sum(sign)` over equal rows says what is there. The table is filled once, from the
  whole query; from then on the live step keeps it, so a later run leaves it alone.

  It is built again, beside the old one, and swapped in when its query or columns have changed, or with
  --full-refresh. Rollups notice the swap (see `rebuilt.sql`) and are built again too.

  config: primary_key (the root's key), order_by (the root's key and the row's own), meta.root.
#}
{% materialization facts, adapter='clickhouse' %}

    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set building = make_intermediate_relation(target_relation) -%}
    {%- set fingerprint = local_md5(sql) -%}

    {{ run_hooks(pre_hooks) }}

    {% if existing_relation is none or should_full_refresh() or built_from(this) != fingerprint %}
        {% call statement('drop what a crash left') %}
            drop table if exists {{ building }}
        {% endcall %}
        {% call statement('create') %}
            {{ signed_table(building, sql, fingerprint) }}
        {% endcall %}
        {% call statement('main') %}
            insert into {{ building }}
            {{ signed_rows(sql) }}
        {% endcall %}
        {% if existing_relation is none %}
            {% call statement('put in place') %}
                rename table {{ building }} to {{ target_relation }}
            {% endcall %}
        {% else %}
            {% call statement('swap') %}
                exchange tables {{ building }} and {{ target_relation }}
            {% endcall %}
            {% call statement('drop the old') %}
                drop table {{ building }}
            {% endcall %}
        {% endif %}
    {% else %}
        {% call statement('main') %}
            select 'kept by the live step'
        {% endcall %}
    {% endif %}

    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}

{% endmaterialization %}


{% macro signed_rows(sql) -%}
    {%- set columns = adapter.get_column_schema_from_query(sql) | map(attribute='quoted') | join(', ') -%}
    select
        {{ columns }},
        sipHash128(tuple({{ columns }})) as content,
        toInt64(1) as sign
    from (
        {{ sql }}
    )
{%- endmacro %}


{% macro signed_table(relation, sql, fingerprint) -%}
    {%- set rows = config.require('order_by') -%}
    create table {{ relation }}
    engine = SummingMergeTree(sign)
    primary key ({{ config.require('primary_key') }})
    order by ({{ rows | join(', ') }}, content)
    {#- Rows are looked up by root, a few at a time: small granules, all columns of a granule side by side. #}
    settings
        index_granularity = 256,
        min_bytes_for_wide_part = 1099511627776,
        min_rows_for_wide_part = 1099511627776,
        non_replicated_deduplication_window = 1000
    comment '{{ fingerprint }}'
    empty as
    {{ signed_rows(sql) }}
{%- endmacro %}
