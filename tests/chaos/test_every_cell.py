"""The table in docs/explain/exactly-once.md, cell by cell: kill there, look, start again, compare."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.chaos.conftest import assert_exact
from tests.chaos.world import World
from tests.style.tree import read

PAGE = read("docs/explain/exactly-once.md")
LAYERS = ("bronze", "mirror", "staged", "facts", "rollups")


@dataclass(frozen=True)
class Row:
    """What the page says of a crash at one point."""

    point: str
    cells: dict[str, str]


def rows(title: str) -> list[Row]:
    """The rows of the page's table with that title."""
    found = re.search(rf"<!-- table: {title} -->\n((?:\|.*\n)+)", PAGE)
    assert found, title
    head, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in found.group(1).splitlines()]
    return [Row(cells[0].strip("`"), dict(zip(head, cells, strict=True))) for cells in body]


AFTER_A_CRASH = rows("after a crash")
AFTER_A_CRASH_IN_RECOVERY = rows("after a crash in recovery")


def change_everything(url: str) -> int:
    """One transaction that touches every fact; its position in the log."""
    with psycopg.connect(url) as connection, connection.transaction():
        connection.execute(EVERYTHING)
    with psycopg.connect(url) as connection:
        row = connection.execute("select pg_current_wal_insert_lsn() - '0/0'").fetchone()
    assert row is not None
    return int(row[0])


def amount(before: dict[str, str], now: dict[str, str], after: dict[str, str]) -> str:
    """How much of what a batch changes in a layer is there: none, some or all of it."""
    changing = [name for name in after if after[name] != before.get(name)]
    assert changing, "the batch changes nothing here, which proves nothing"
    arrived = [name for name in changing if now.get(name) == after[name]]
    untouched = [name for name in changing if now.get(name) == before.get(name)]
    if len(arrived) == len(changing):
        return "all"
    return "none" if len(untouched) == len(changing) else "some"


def ledger_says(seen: dict[str, Any], number: int) -> str:
    """The newest thing the ledger says, in the page's words."""
    entry = seen["ledger"]
    return {number: f"{entry['state']} n", number - 1: f"{entry['state']} n-1"}[entry["number"]]


def observed(world: World, number: int, before: dict[str, Any], lsn: int) -> dict[str, Any]:
    """What is on disk now; compared with the page once it is known what all of it looks like."""
    now = world.look(number)
    return {"now": now, "before": before, "ledger": ledger_says(now, number), "forgotten": world.forgotten() >= lsn}


def compare(row: Row, seen: dict[str, Any], after: dict[str, Any]) -> None:
    found = {layer: amount(seen["before"][layer], seen["now"][layer], after[layer]) for layer in LAYERS}
    found["ledger"] = seen["ledger"]
    # Whether the source has heard of its permission by then is chance.
    allowed = row.cells["source"] == "may forget"
    found["source"] = "may forget" if allowed or seen["forgotten"] else "keeps it"
    # "some" is what several hands at work leave behind: any part of it.
    expected = {name: found[name] if row.cells[name] == "some" else row.cells[name] for name in found}
    assert found == expected


@pytest.mark.chaos
@pytest.mark.parametrize("row", AFTER_A_CRASH, ids=lambda row: row.point)
def test_a_crash_leaves_behind_what_the_page_says_and_nothing_in_the_end(row: Row, world: World) -> None:
    assert_exact(world.settle())
    number = world.number + 1
    before = world.look(number)
    lsn = change_everything(world.store)
    world.begin(failpoint=row.point)
    world.wait_for_death()
    seen = observed(world, number, before, lsn)
    assert_exact(world.settle())
    compare(row, seen, world.look(number))


@pytest.mark.chaos
@pytest.mark.parametrize("row", AFTER_A_CRASH_IN_RECOVERY, ids=lambda row: row.point)
def test_a_crash_in_recovery_leaves_behind_what_the_page_says(row: Row, world: World) -> None:
    assert_exact(world.settle())
    number = world.number + 1
    before = world.look(number)
    lsn = change_everything(world.store)
    world.begin(failpoint="after_publish")
    world.wait_for_death()
    world.begin(failpoint=row.point)
    world.wait_for_death()
    seen = observed(world, number, before, lsn)
    assert_exact(world.settle())
    compare(row, seen, world.look(number))


def test_the_page_has_a_row_for_every_failpoint() -> None:
    from tillstream.flow.failpoints import FAILPOINTS

    assert {row.point for row in (*AFTER_A_CRASH, *AFTER_A_CRASH_IN_RECOVERY)} == set(FAILPOINTS)


EVERYTHING = """
    with someone as (
        insert into customers (email, full_name, password_hash)
        values (gen_random_uuid() || '@example.com', 'Everything', 'x') returning id
    ), somewhere as (
        insert into addresses (customer_id, city_id, street, postal_code)
        select someone.id, (select min(id) from cities), 'Main', '1' from someone returning id, customer_id
    ), placed as (
        insert into orders (
            number, customer_id, shipping_address_id, payment_method_id, shipping_method_id, currency,
            items_amount, discount_amount, tax_amount, shipping_amount, total_amount
        )
        select gen_random_uuid(), customer_id, id, 1, 1, 'USD', 20, 0, 2, 5, 27 from somewhere returning id
    ), lines as (
        insert into order_lines (
            order_id, line_number, product_id, variant_id, quantity, unit_price,
            gross_amount, discount_amount, tax_amount, total_amount
        )
        select placed.id, 1, v.product_id, v.id, 2, 10, 20, 0, 2, 22
        from placed, (select * from variants order by id limit 1) v
    ), cart as (
        insert into carts (id, customer_id) select gen_random_uuid(), someone.id from someone returning id
    ), cart_contents as (
        insert into cart_lines (cart_id, variant_id, quantity)
        select cart.id, v.id, 1 from cart, (select id from variants order by id limit 1) v
    ), paid as (
        insert into payments (order_id, payment_method_id, status, amount) select id, 1, 'completed', 27 from placed
    ), sent as (
        insert into shipments (order_id, warehouse_id, shipping_method_id, status, cost, dispatched_at)
        select id, (select min(id) from warehouses), 1, 'dispatched', 3, now() from placed
    )
    update stock_levels set on_hand = on_hand - 2 where variant_id = (select min(variant_id) from stock_levels)
"""
