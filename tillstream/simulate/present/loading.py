"""Getting to know a store that is there already: its open orders and carts, people, products, stock."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import accumulate
from random import Random
from typing import Any, LiteralString

import psycopg

from tillstream.errors import StoreError
from tillstream.simulate.present.numbering import Numbers
from tillstream.simulate.present.state import Address, Cart, Code, Customer, Line, Order, Variant, World

_NUMBERED = (
    "customers",
    "addresses",
    "products",
    "variants",
    "discounts",
    "orders",
    "order_lines",
    "order_status_history",
    "payments",
    "refunds",
    "shipments",
    "stock_moves",
)
_MOST_CUSTOMERS = 20_000
_MOST_ORDERS = 20_000
_MOST_DELIVERED = 2_000
_MOST_CARTS = 5_000

Connection = psycopg.Connection[Any]


def load_world(connection: Connection, seed: int) -> World:
    """What the database holds, in an order that depends on nothing but its rows.

    Chance starts from the seed and from how far the store has come: the same seed again goes on with
    something new, and does not give a new cart the name of an old one.
    """
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        _require_history(connection)
        [(latest,)] = connection.execute(
            "select greatest((select max(updated_at) from orders), (select max(updated_at) from carts),"
            " (select max(moved_at) from stock_moves), (select max(created_at) from customers))"
        ).fetchall()
        latest = (latest or datetime.fromtimestamp(0, UTC)).astimezone(UTC)
        world = World(Random(f"{seed} {latest.isoformat()}"), Numbers(connection, _NUMBERED), latest)
        _load_shelf(connection, world)
        _load_town(connection, world)
        _load_people(connection, world)
        _load_selling(connection, world)
        _load_orders(connection, world)
        _load_carts(connection, world)
    return world


def _require_history(connection: Connection) -> None:
    for table in ("variants", "addresses", "warehouses", "payment_methods", "shipping_methods", "categories"):
        if not _rows(connection, f"select 1 from {table} limit 1"):
            raise StoreError(
                "the store has nothing to live on",
                detail=f'Table "{table}" is empty.',
                hint="Load a history first: till simulate --create",
            )


def _load_shelf(connection: Connection, world: World) -> None:
    shelf = world.shelf
    for number, name, status in _rows(connection, "select id, name, status::text from products order by id"):
        shelf.products[number] = name
        shelf.product_ids.append(number)
        if status != "active":
            shelf.retired.add(number)
    if len(shelf.retired) == len(shelf.product_ids):
        shelf.retired.clear()
    lately = """
        select v.id, v.product_id, (v.price * 100)::bigint, (p.tax_rate * 10000)::int, coalesce(s.sold, 0) + 1
        from variants v join products p on p.id = v.product_id
        left join (
            select variant_id, count(*)::int as sold
            from (select variant_id from order_lines order by id desc limit 50000) latest group by variant_id
        ) s on s.variant_id = v.id
        order by v.id
    """
    sold = []
    for number, product, price, tax_rate, popularity in _rows(connection, lately):
        shelf.variants[number] = Variant(number, product, price, tax_rate)
        shelf.variant_ids.append(number)
        sold.append(popularity)
    shelf.popularity = list(accumulate(sold))
    shelf.tags = _column(connection, "select id from tags order by id")
    shelf.categories = _column(connection, "select id from categories where parent_id is not null order by id")
    shelf.categories = shelf.categories or _column(connection, "select id from categories order by id")
    shelf.brands = _column(connection, "select id from brands order by id")
    shelf.vendors = _column(connection, "select id from vendors order by id")
    for product, tag in _rows(connection, "select product_id, tag_id from product_tags order by 1, 2"):
        shelf.product_tags.setdefault(product, []).append(tag)
    levels = "select variant_id, warehouse_id, on_hand, on_hand <= low_stock_threshold from stock_levels order by 1, 2"
    for variant, warehouse, on_hand, is_low in _rows(connection, levels):
        shelf.on_hand[variant, warehouse] = on_hand
        if is_low:
            shelf.running_low.append((variant, warehouse))


def _load_town(connection: Connection, world: World) -> None:
    town = world.town
    town.warehouses = _column(connection, "select id from warehouses order by id")
    # Each city is served by the warehouse that is closest in longitude: parcels do not cross oceans.
    nearest = """
        select c.id, c.population, (
            select w.id from warehouses w join cities wc on wc.id = w.city_id
            order by abs(wc.longitude - c.longitude), w.id limit 1
        )
        from cities c order by c.id
    """
    heads = []
    for city, population, warehouse in _rows(connection, nearest):
        town.cities.append(city)
        heads.append(max(population, 1))
        town.warehouse_of[city] = warehouse
    town.population = list(accumulate(heads))


def _load_people(connection: Connection, world: World) -> None:
    query = f"""
        select c.id, array_agg(a.id order by a.id), array_agg(a.city_id order by a.id),
            exists (select from orders o where o.customer_id = c.id)
        from (select id from customers order by id desc limit {_MOST_CUSTOMERS}) c
        join addresses a on a.customer_id = c.id
        group by c.id order by c.id
    """
    for number, addresses, cities, has_ordered in _rows(connection, query):
        places = [Address(*pair) for pair in zip(addresses, cities, strict=True)]
        customer = Customer(number, places, has_ordered)
        world.customers.append(customer)
        if not has_ordered:
            world.newcomers.append(customer)
    world.staff = _column(connection, "select id from staff order by id")


def _load_selling(connection: Connection, world: World) -> None:
    world.payment_methods = _column(connection, "select id from payment_methods order by id")
    world.shipping_methods = _rows(connection, "select id, (price * 100)::bigint from shipping_methods order by id")
    codes = """
        select id, kind = 'percent', (case kind when 'percent' then value else value * 100 end)::bigint,
            started_at, expired_at
        from discounts where expired_at > %s and value = round(value) order by id desc limit 60
    """
    world.codes = [Code(*row) for row in reversed(connection.execute(codes, [world.latest]).fetchall())]


def _load_orders(connection: Connection, world: World) -> None:
    open_orders = f"""
        (
            select id from orders where status in ('placed', 'payment_failed', 'paid', 'shipped', 'returned')
            order by id desc limit {_MOST_ORDERS}
        ) union all (
            select id from orders o where status = 'delivered'
                and not exists (select from refunds r where r.order_id = o.id)
            order by id desc limit {_MOST_DELIVERED}
        )
    """
    query = """
        select o.id, o.status::text, o.payment_status::text, coalesce(m.warehouse_id, w.id), o.payment_method_id,
            o.shipping_method_id, (o.shipping_amount * 100)::bigint, p.id, s.id
        from orders o
        cross join (select min(id) id from warehouses) w
        left join lateral (
            select warehouse_id from stock_moves where order_id = o.id and reason = 'sale' order by id limit 1
        ) m on true
        left join lateral (
            select id from payments where order_id = o.id and status in ('authorized', 'completed')
            order by id desc limit 1
        ) p on true
        left join lateral (select id from shipments where order_id = o.id order by id desc limit 1) s on true
        where o.id = any(%s) order by o.id
    """
    numbers = _column(connection, open_orders)
    orders: dict[int, Order] = {}
    for row in connection.execute(query, [numbers]).fetchall():
        number, status, payment_status, warehouse, payment_method, shipping_method, shipping, payment, shipment = row
        order = Order(number, status, payment_status, warehouse, payment_method, shipping_method, shipping, [])
        order.payment, order.shipment = payment, shipment
        orders[number] = order
    lines = """
        select order_id, id, line_number, product_id, variant_id, quantity, (unit_price * 100)::bigint,
            (discount_amount * 100)::bigint, (tax_amount * 100)::bigint
        from order_lines where order_id = any(%s) order by order_id, line_number
    """
    for number, *parts in connection.execute(lines, [numbers]).fetchall():
        orders[number].lines.append(Line(*parts))
    for order in orders.values():
        # An order that somebody else made without lines is left alone.
        if order.lines:
            world.orders[order.status].add(order)
    waiting = f"select id from refunds where not completed order by id limit {_MOST_DELIVERED}"
    world.open_refunds.extend(_column(connection, waiting))


def _load_carts(connection: Connection, world: World) -> None:
    customers = {customer.id: customer for customer in world.customers}
    query = f"""
        select c.id::text, c.customer_id, array_agg(l.variant_id order by l.variant_id),
            array_agg(l.quantity order by l.variant_id)
        from (select * from carts where state = 'open' order by created_at desc, id limit {_MOST_CARTS}) c
        join cart_lines l on l.cart_id = c.id
        group by c.id, c.customer_id order by c.id::text
    """
    for number, customer, variants, quantities in _rows(connection, query):
        if customer is None or customer in customers:
            owner = customers[customer] if customer is not None else None
            world.carts.add(Cart(number, owner, dict(zip(variants, quantities, strict=True))))
    oldest = f"select id::text from carts where state = 'abandoned' order by updated_at, id limit {_MOST_CARTS}"
    world.abandoned.extend(_column(connection, oldest))


def _rows(connection: Connection, query: LiteralString) -> list[Any]:
    return connection.execute(query).fetchall()


def _column(connection: Connection, query: LiteralString) -> list[Any]:
    return [row[0] for row in connection.execute(query).fetchall()]
