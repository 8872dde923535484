select
    brands.brand_id as brand_id,
    brands.brand as brand,
    countIf(products.product_id != 0) as products,
    countIf(products.status = 'active') as active_products
from {{ ref('brands') }} as brands
left join {{ ref('products') }} as products on brands.brand_id = products.brand_id
group by brand_id, brand
