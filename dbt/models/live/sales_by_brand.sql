select
    products.brand_id as brand_id,
    brands.brand as brand,
    sums.currency as currency,
    {{ line_sales() }}
from {{ ref('sales_by_product_sums') }} as sums
left join {{ ref('products') }} as products on sums.product_id = products.product_id
left join {{ ref('brands') }} as brands on products.brand_id = brands.brand_id
group by brand_id, brand, currency
having lines != 0
