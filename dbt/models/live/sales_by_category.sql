select
    products.category_id as category_id,
    categories.category as category,
    categories.parent_category as parent_category,
    sums.currency as currency,
    {{ line_sales() }}
from {{ ref('sales_by_product_sums') }} as sums
left join {{ ref('products') }} as products on sums.product_id = products.product_id
left join {{ ref('categories') }} as categories on products.category_id = categories.category_id
group by category_id, category, parent_category, currency
having lines != 0
