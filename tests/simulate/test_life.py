"""Life in the store: legal, right to the cent, as fast as asked, and hard to kill."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.simulate.conftest import AS_FAST_AS_POSSIBLE, LATER, MakeDatabase, checksum, live, rows
from tests.simulate.identities import broken
from tillstream.simulate.life import Lived, Plan, simulate
from tillstream.simulate.present.mix import MIX
from tillstream.simulate.schema import TABLES


@pytest.fixture(scope="module")
def lived_in(loaded: str, make_database: MakeDatabase) -> tuple[str, Lived]:
    """A store after some thousands of transactions."""
    url = make_database(loaded)
    return url, live(url, 8_000)


def test_every_identity_holds_after_thousands_of_transactions(lived_in: tuple[str, Lived]) -> None:
    url, lived = lived_in
    assert (lived.transactions, lived.refusals, lived.reconnections) == (8_000, 0, 0)
    assert broken(url) == {}


def test_every_kind_of_transaction_occurs(lived_in: tuple[str, Lived]) -> None:
    assert set(lived_in[1].kinds) == set(MIX)


@pytest.mark.parametrize(
    "trace",
    [
        "payments where status = 'failed' and updated_at > {now}",
        "payments where status = 'authorized' and updated_at > {now}",
        "payments where status = 'completed' and created_at > {now} and updated_at > created_at",
        "refunds where not completed and created_at > {now}",
        "refunds where reason = 'cancelled' and created_at > {now}",
        "carts where state = 'abandoned' and updated_at > {now}",
        "orders where status = 'cancelled' and cancelled_at > {now}",
        "orders where status = 'returned' and updated_at > {now}",
        "orders where status = 'refunded' and updated_at > {now}",
        "orders where discount_amount > 0 and placed_at > {now}",
        "orders o where placed_at > {now}"
        " and (select max(line_number) > count(*) from order_lines where order_id = o.id)",
        "shipments where dispatched_at > {now}",
        "shipments where completed_at > {now}",
        "stock_moves where reason = 'sale' and moved_at > {now}",
        "stock_moves where reason = 'cancellation' and moved_at > {now}",
        "stock_moves where reason = 'return' and moved_at > {now}",
        "stock_moves where reason = 'correction' and moved_at > {now}",
        "stock_moves where reason = 'restock' and moved_at > {now}",
        "products where length(description) > 8192 and updated_at > {now}",
        "products where created_at > {now}",
        "addresses where created_at < {now} and updated_at > {now}",
        "customers where created_at < {now} and updated_at > {now}",
        "variants where created_at < {now} and updated_at > {now}",
    ],
)
def test_what_live_activity_leaves_behind(lived_in: tuple[str, Lived], trace: str) -> None:
    query = f"select exists (select from {trace})".format(now=f"'{LATER - timedelta(seconds=1)}'")
    assert rows(lived_in[0], query) == [(True,)]


def test_every_table_with_activity_grows_or_shrinks(lived_in: tuple[str, Lived], loaded: str) -> None:
    def counts(url: str) -> dict[str, object]:
        return {table: rows(url, f"select count(*) from {table}")[0][0] for table in TABLES}

    before, after = counts(loaded), counts(lived_in[0])
    quiet = {"countries", "provinces", "cities", "roles", "staff", "categories", "brands", "vendors", "tags"}
    quiet |= {"warehouses", "campaigns", "payment_methods", "shipping_methods"}
    assert {table for table in TABLES if before[table] == after[table]} == quiet


def test_what_is_rolled_back_is_never_seen(lived_in: tuple[str, Lived], loaded: str) -> None:
    url, lived = lived_in
    [(before,)], [(after,)] = (rows(store, "select count(*) from customers") for store in (loaded, url))
    assert lived.kinds["undo sign up"] > 0
    assert after == before + lived.kinds["sign up"] - lived.kinds["erase customer"]  # type: ignore[operator]


def test_the_same_seed_and_clock_give_the_same_rows(loaded: str, make_database: MakeDatabase) -> None:
    one, other = make_database(loaded), make_database(loaded)
    assert live(one, 1_500).kinds == live(other, 1_500).kinds
    assert checksum(one) == checksum(other)


def test_another_seed_gives_other_rows(loaded: str, make_database: MakeDatabase) -> None:
    one, other = make_database(loaded), make_database(loaded)
    live(one, 300, seed=1)
    live(other, 300, seed=2)
    assert checksum(one) != checksum(other)


def test_the_same_seed_goes_on_with_something_new(store: str) -> None:
    for _ in range(3):
        assert live(store, 400).refusals == 0
    assert broken(store) == {}


def test_ids_go_on_without_a_gap_after_a_clean_end(store: str) -> None:
    live(store, 400)
    [(expected,)] = rows(store, "select max(id) + 1 from stock_moves")
    with psycopg.connect(store) as connection:
        insert = "insert into stock_moves (variant_id, warehouse_id, reason, quantity) values (1, 1, 'restock', 1)"
        row = connection.execute(f"{insert} returning id").fetchone()
        connection.rollback()
    assert row == (expected,)


# ---------- pace and end


def test_the_rate_is_kept(store: str) -> None:
    lived = simulate(store, Plan(50, duration=timedelta(seconds=2)), threading.Event())
    assert 60 <= lived.transactions <= 101


def test_a_slow_rate_is_kept_too(store: str) -> None:
    lived = simulate(store, Plan(2, duration=timedelta(seconds=1.2)), threading.Event())
    assert lived.transactions == 3


def test_hundreds_a_second_are_no_effort(store: str) -> None:
    assert live(store, 2_000).rate > 500


def test_orders_are_placed_now(store: str) -> None:
    start = datetime.now(UTC)
    simulate(store, Plan(AS_FAST_AS_POSSIBLE, transactions=200), threading.Event())
    [(latest, count)] = rows(
        store, "select max(placed_at), count(*) from orders where placed_at >= now() - interval '1 min'"
    )
    assert count > 0  # type: ignore[operator]
    assert latest >= start  # type: ignore[operator]


def test_a_plan_ends_in_time_though_nothing_is_due(store: str) -> None:
    lived = simulate(store, Plan(0.1, duration=timedelta(seconds=0.5)), threading.Event())
    assert lived.transactions == 1
    assert 0.5 <= lived.seconds < 3


def test_it_stops_when_told(store: str) -> None:
    stop = threading.Event()

    def watch(lived: Lived) -> None:
        if lived.transactions >= 20:
            stop.set()

    lived = simulate(store, Plan(200), stop, watch)
    assert 20 <= lived.transactions < 200
    assert broken(store) == {}


def test_an_order_to_stop_ends_a_long_wait(store: str) -> None:
    stop = threading.Event()
    lived = simulate(store, Plan(0.1), stop, lambda _: stop.set())
    assert lived.transactions == 1
    assert lived.seconds < 5


def test_nothing_happens_when_nothing_is_asked(store: str) -> None:
    assert live(store, 0).transactions == 0
