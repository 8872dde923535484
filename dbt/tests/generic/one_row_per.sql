{# The grain: no two rows share these columns. Of a fact, only the rows that hold. #}
{% test one_row_per(model, columns) %}
{%- set signed = model.schema == 'facts' %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having {{ 'sum(sign) not in (0, 1)' if signed else 'count() > 1' }}
{% endtest %}
