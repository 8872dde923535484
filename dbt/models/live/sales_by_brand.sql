-- Names are joined to a row per product, not to one per product and day.
with

per_product as (

    select
        sums.product_id as product_id,
        sums.currency as currency,
        {{ line_sales() }}
    from {{ ref('sales_by_product_sums') }} as sums
    group by product_id, currency

),

final as (

    select
        products.brand_id as brand_id,
        brands.brand as brand,
        per_product.currency as currency,
        {{ line_sales('per_product') }}
    from per_product
    left join {{ ref('products') }} as products on per_product.product_id = products.product_id
    left join {{ ref('brands') }} as brands on products.brand_id = brands.brand_id
    group by brand_id, brand, currency
    having lines != 0

)

select * from final
