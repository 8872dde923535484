{# Two relations sum to the same: nothing is lost or doubled between them. #}
{% test same_total(model, measure, to, other_measure) %}
select
    one.total as total,
    other.total as other_total
from (select sum({{ measure }}) as total from {{ model }}) as one
cross join (select sum({{ other_measure }}) as total from {{ to }}) as other
where one.total != other.total
{% endtest %}
