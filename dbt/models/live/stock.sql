with

left_over as (

    select
        sums.variant_id as variant_id,
        sum(sums.warehouses) as warehouses,
        sum(sums.on_hand) as on_hand,
        sum(sums.low_stock_threshold) as low_stock_threshold
    from {{ ref('stock_sums') }} as sums
    group by variant_id
    having warehouses != 0

),

final as (

    select
        ---------- ids
        left_over.variant_id as variant_id,
        variants.product_id as product_id,
        products.vendor_id as vendor_id,

        ---------- text
        variants.sku as sku,
        products.product as product,
        variants.variant as variant,
        vendors.vendor as vendor,
        multiIf(
            on_hand < 0, 'oversold',
            on_hand = 0, 'sold out',
            on_hand <= low_stock_threshold, 'low',
            'in stock'
        ) as state,

        ---------- numbers
        left_over.warehouses as warehouses,
        left_over.on_hand as on_hand,
        left_over.low_stock_threshold as low_stock_threshold

    from left_over
    left join {{ ref('variants') }} as variants on left_over.variant_id = variants.variant_id
    left join {{ ref('products') }} as products on variants.product_id = products.product_id
    left join {{ ref('vendors') }} as vendors on products.vendor_id = vendors.vendor_id

)

select * from final
