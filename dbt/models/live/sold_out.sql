select * from {{ ref('stock') }}
where state in ('sold out', 'oversold')
