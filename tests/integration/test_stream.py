"""With Kafka in between every layer says the same as the store, at one instant, while it sells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.streamed import Streamed
from tests.integration.test_histories import PLACES, add_line, pay, place, ship
from tests.live.shop import Shop
from tests.services.kafka import Kafka
from tests.services.postgres import Database


@pytest.fixture
def streamed(database: Database, shop: Shop, kafka: Kafka) -> Iterator[Streamed]:
    """A running capture and a running load over a store that sells."""
    streamed = Streamed(database, shop, kafka)
    streamed.start()
    try:
        streamed.transaction(*PLACES)
        streamed.settle()
        yield streamed
    finally:
        streamed.stop()


def sell(streamed: Streamed, number: int) -> None:
    """An order, its line, and what becomes of it; some of it is taken back."""
    order = 1 + number % 6
    streamed.transaction(*place(order, 1 + number % 4, 100 + number, "shipped"), *add_line(number, order, number))
    streamed.transaction(*pay(number, order, 50), *ship(number, order), abort=number % 5 == 0)
    if number % 7 == 0:
        streamed.transaction(f"delete from order_lines where id = {number}")


@contextmanager
def selling(streamed: Streamed, count: int) -> Iterator[threading.Thread]:
    """Somebody who sells meanwhile."""

    def work() -> None:
        for number in range(1, count):
            sell(streamed, number)

    seller = threading.Thread(target=work)
    seller.start()
    try:
        yield seller
    finally:
        seller.join()


def test_verify_is_exact_through_the_stream_while_changes_flow(streamed: Streamed) -> None:
    with selling(streamed, 300) as seller:
        while seller.is_alive():
            assert streamed.verifier.verify().differences == []
    report = streamed.verified()
    assert report.exact
    assert streamed.warehouse.value("select count() from mirror.orders final") == 6


def test_what_was_tampered_with_is_mended_through_the_stream(streamed: Streamed) -> None:
    for number in range(1, 8):
        sell(streamed, number)
    assert streamed.verified().exact
    streamed.warehouse.execute(
        "alter table mirror.orders update status = 'lost' where id = 3", settings={"mutations_sync": 1}
    )

    assert {each.table for each in streamed.verified().differences} >= {"public.orders"}
    assert streamed.verified(repair=True).exact

    sell(streamed, 9)
    assert streamed.verified().exact
