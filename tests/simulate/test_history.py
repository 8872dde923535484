"""The year behind the store: the same from the same seed, right to the cent, lifelike."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from tests.simulate.conftest import NOW, SMALL, MakeDatabase, checksum, rows
from tests.simulate.identities import broken
from tillstream.errors import StoreError
from tillstream.simulate.history import Sizes, load_history, make_history
from tillstream.simulate.schema import create_schema


def test_every_identity_holds_in_every_row(loaded: str) -> None:
    assert broken(loaded) == {}


def test_the_same_seed_gives_the_same_rows(loaded: str, database: str) -> None:
    create_schema(database)
    load_history(database, SMALL, 7, NOW)
    assert checksum(database) == checksum(loaded)


def test_another_seed_gives_other_rows_of_the_same_number() -> None:
    one, other = make_history(SMALL, 1, NOW), make_history(SMALL, 2, NOW)
    assert one["orders"]["total_amount"] != other["orders"]["total_amount"]
    assert len(one["orders"]["total_amount"]) == len(other["orders"]["total_amount"]) == SMALL.orders


def test_more_customers_do_not_change_the_catalogue() -> None:
    more = Sizes(customers=500, products=60, orders=4_000)
    assert (
        make_history(SMALL, 1, NOW)["products"]["description"] == make_history(more, 1, NOW)["products"]["description"]
    )


def test_the_history_lies_in_the_year_before_now(loaded: str) -> None:
    [(first, last)] = rows(loaded, "select min(placed_at), max(placed_at) from orders")
    assert datetime(2025, 11, 21, 9, 30, tzinfo=UTC) <= first  # type: ignore[operator]
    assert last <= NOW  # type: ignore[operator]
    latest = "select greatest(max(updated_at), max(placed_at)) from orders"
    assert rows(loaded, latest)[0][0] <= NOW  # type: ignore[operator]


def test_every_state_method_and_kind_occurs(loaded: str) -> None:
    for query, least in {
        "select count(distinct status) from orders": 6,
        "select count(distinct payment_method_id) from orders": 5,
        "select count(distinct shipping_method_id) from orders": 4,
        "select count(distinct status) from payments": 2,
        "select count(distinct reason) from refunds": 5,
        "select count(distinct reason) from stock_moves": 4,
        "select count(distinct state) from carts": 3,
        "select count(distinct country_code) from provinces join cities on province_id = provinces.id": 5,
        "select count(*) from orders where discount_amount > 0": 100,
        "select count(*) from carts where customer_id is null": 100,
        "select count(*) from stock_levels where on_hand <= 0": 1,
        "select max(line_number) from order_lines": 9,
    }.items():
        assert rows(loaded, query)[0][0] >= least, query  # type: ignore[operator]


def test_some_descriptions_are_stored_outside_of_their_row(loaded: str) -> None:
    query = """
        select count(*) filter (where length(description) > 8192),
            (select pg_relation_size(reltoastrelid) from pg_class where oid = 'products'::regclass)
        from products
    """
    [(long, stored_aside)] = rows(loaded, query)
    assert long > 0  # type: ignore[operator]
    assert stored_aside > 0  # type: ignore[operator]


def test_new_rows_get_ids_after_the_history(loaded: str, make_database: MakeDatabase) -> None:
    copy = make_database(loaded)
    with psycopg.connect(copy) as connection:
        connection.execute("insert into brands (name) values ('New')")
        row = connection.execute("select max(id) = (select id from brands where name = 'New') from brands").fetchone()
    assert row == (True,)


def test_foreign_keys_and_indexes_are_back(loaded: str, database: str) -> None:
    create_schema(database)
    query = """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
        where contype = 'f' and convalidated
        union all select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'
        order by 1, 2
    """
    assert rows(loaded, query) == rows(database, query)


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("extract(hour from placed_at) between 19 and 21", "extract(hour from placed_at) between 2 and 4"),
        ("extract(isodow from placed_at) in (6, 7)", "extract(isodow from placed_at) in (3, 4)"),
        ("extract(month from placed_at) = 12", "extract(month from placed_at) = 2"),
        ("placed_at between '2026-05-21' and '2026-11-21'", "placed_at between '2025-11-21' and '2026-05-21'"),
        ("payment_method_id = 1", "payment_method_id = 5"),
        ("customer_id <= 100", "customer_id > 200"),
    ],
)
def test_people_buy_when_and_how_people_do(loaded: str, more: str, less: str) -> None:
    query = f"select count(*) filter (where {more}), count(*) filter (where {less}) from orders"
    [(often, seldom)] = rows(loaded, query)
    assert often > seldom > 0  # type: ignore[operator]


def test_few_products_make_most_of_the_sales(loaded: str) -> None:
    query = """
        select sum(sold) filter (where place <= 12) / sum(sold) from (
            select count(*) as sold, row_number() over (order by count(*) desc) as place
            from order_lines group by product_id
        ) ranked
    """
    [(share,)] = rows(loaded, query)
    assert share > 0.4  # type: ignore[operator]


def test_progress_goes_from_none_to_all(database: str) -> None:
    create_schema(database)
    seen: list[float] = []
    load_history(database, Sizes(10, 10, 20, 30), 1, NOW, lambda fraction, label: seen.append(fraction))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("sizes", [Sizes(10, 10, 10, 2), Sizes(10, 500, 10, 900), Sizes(400, 10, 1500, 5)])
def test_other_sizes_are_right_too(database: str, sizes: Sizes) -> None:
    create_schema(database)
    assert load_history(database, sizes, 3, NOW)["orders"] == sizes.orders
    assert broken(database) == {}


# ---------- what can go wrong


def test_a_history_is_not_loaded_twice(loaded: str) -> None:
    with pytest.raises(StoreError, match="already has a history"):
        load_history(loaded, SMALL, 7, NOW)


def test_a_database_without_the_schema_is_told(database: str) -> None:
    with pytest.raises(StoreError, match="does not have the demo store's schema") as raised:
        load_history(database, SMALL, 7, NOW)
    assert "countries" in raised.value.detail


def test_tables_of_somebody_else_are_left_alone(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create table orders (id int)")
    with pytest.raises(StoreError, match="that are not the demo store's"):
        create_schema(database)


def test_creating_the_schema_again_changes_nothing(loaded: str) -> None:
    create_schema(loaded)
    assert rows(loaded, "select count(*) from orders") == [(SMALL.orders,)]


def test_a_history_that_can_not_be_is_refused() -> None:
    with pytest.raises(StoreError, match="at least 10 orders"):
        Sizes(orders=3)


def test_no_server_is_told() -> None:
    with pytest.raises(StoreError, match="no connection to the store's database"):
        create_schema("postgresql://till@127.0.0.1:1/store")
