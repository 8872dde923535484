select
    sums.day as day,
    sums.product_id as product_id,
    products.product as product,
    sums.currency as currency,
    {{ line_sales() }}
from {{ ref('sales_by_product_sums') }} as sums
left join {{ ref('products') }} as products on sums.product_id = products.product_id
group by day, product_id, product, currency
having lines != 0
