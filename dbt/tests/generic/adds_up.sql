{# An amount is what its parts make, in every row. #}
{% test adds_up(model, total, parts) %}
select *
from {{ model }}
where {{ total }} != {{ parts }}
{% endtest %}
