with

categories as (

    select * from {{ current('categories') }}

),

final as (

    select
        ---------- ids
        categories.id as category_id,
        categories.parent_id as parent_category_id,

        ---------- text
        categories.name as category,
        categories.slug as slug,
        parents.name as parent_category

    from categories
    left join categories as parents on categories.parent_id = parents.id

)

select * from final
