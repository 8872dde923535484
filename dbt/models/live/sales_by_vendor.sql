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
        products.vendor_id as vendor_id,
        vendors.vendor as vendor,
        per_product.currency as currency,
        {{ line_sales('per_product') }}
    from per_product
    left join {{ ref('products') }} as products on per_product.product_id = products.product_id
    left join {{ ref('vendors') }} as vendors on products.vendor_id = vendors.vendor_id
    group by vendor_id, vendor, currency
    having lines != 0

)

select * from final
