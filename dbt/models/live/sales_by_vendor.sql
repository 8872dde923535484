select
    products.vendor_id as vendor_id,
    vendors.vendor as vendor,
    sums.currency as currency,
    {{ line_sales() }}
from {{ ref('sales_by_product_sums') }} as sums
left join {{ ref('products') }} as products on sums.product_id = products.product_id
left join {{ ref('vendors') }} as vendors on products.vendor_id = vendors.vendor_id
group by vendor_id, vendor, currency
having lines != 0
