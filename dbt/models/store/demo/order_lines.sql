select
    id as order_line_id,
    order_id,
    product_id,
    variant_id,
    line_number,
    quantity,
    unit_price,
    gross_amount,
    discount_amount,
    tax_amount,
    total_amount
from {{ current('order_lines') }}
