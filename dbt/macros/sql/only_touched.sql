{#
  Marks where the live step restricts a fact query to what a batch touched.

  A batch run reads everything: the mark is `true`. The live step replaces it, in the compiled SQL, by a
  restriction to the touched roots of the model's root, so that a change costs what it touches and not the
  history. `column` must be a key column of the mirrored table, passed through by its view unchanged.

  - on the root's own table:      only_touched('order_id')
  - on children, down a link:     only_touched('order_line_id', link='order_lines.order_id')
  - on parents, up a link:        only_touched('address_id', link='orders.shipping_address_id^')
#}
{% macro only_touched(column, link='') -%}
    true /* only touched: {{ column }}{{ ' by ' ~ link if link }} */
{%- endmacro %}
