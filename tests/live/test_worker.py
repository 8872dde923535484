"""Loaders and live workers as processes of their own: whatever overtakes what, in the end every layer is exact."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.live import rows
from tests.live.checks import assert_exact
from tests.live.histories import Step, batches, play
from tests.live.lanes import LANES, Plant
from tests.live.shop import Shop
from tillstream.errors import LiveWorkersBusy
from tillstream.flow.failpoints import LIVE_FAILPOINTS, crash_at
from tillstream.ledger import Entry
from tillstream.live import worker as workers

patient = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# What happens between two batches of the store: a lane lands one of its batches, or a worker makes a step.
turns = st.lists(st.tuples(st.booleans(), st.integers(0, 1)), max_size=4)


@patient
@given(history=batches, order=st.lists(turns, min_size=1), shards=st.sampled_from([1, 2]))
def test_lanes_and_workers_may_overtake_each_other(
    shop: Shop, history: list[list[Step]], order: list[list[tuple[bool, int]]], shards: int
) -> None:
    plant = Plant(shop, uuid4().hex[:8], shards)
    for place, batch in enumerate(history):
        play(shop, batch)
        plant.send()
        for loads, index in order[place % len(order)]:
            if loads:
                plant.load(index % LANES)
            else:
                plant.workers[index % shards].step()
    plant.settle()
    assert_exact(shop)


@pytest.mark.parametrize("place", LIVE_FAILPOINTS)
@pytest.mark.parametrize("shards", [1, 2])
def test_a_worker_that_is_killed_is_followed_by_one_that_ends_its_step(shop: Shop, place: str, shards: int) -> None:
    plant = Plant(shop, uuid4().hex[:8], shards)
    rows.order(shop, 1)
    rows.line(shop, 1, 1)
    plant.send()
    plant.settle()
    for number in range(2, 6):
        rows.order(shop, number)
        rows.line(shop, number, number)
    rows.order(shop, 1, status="cancelled")
    plant.send()
    for lane in range(LANES):
        plant.load(lane)

    with crash_at(place):
        plant.workers[0].step()
        pytest.fail("it was not killed")
    plant.workers[0] = plant.worker(0)
    plant.settle()

    assert_exact(shop)
    assert int(shop.warehouse.value("select sum(sign) from facts.fct_orders")) == 5


def test_two_workers_share_the_roots(shop: Shop) -> None:
    plant = Plant(shop, uuid4().hex[:8], shards=2)
    plant.settle()
    for number in range(1, 41):
        rows.order(shop, number)
    plant.send()
    for lane in range(LANES):
        plant.load(lane)

    plant.workers[0].step()
    first = int(shop.warehouse.value("select sum(sign) from facts.fct_orders"))
    plant.workers[1].step()

    assert 0 < first < 40
    assert int(shop.warehouse.value("select sum(sign) from facts.fct_orders")) == 40


def test_workers_begin_anew_when_there_are_more_of_them(shop: Shop) -> None:
    plant = Plant(shop, uuid4().hex[:8], shards=1)
    rows.order(shop, 1)
    plant.send()
    plant.settle()

    plant.shards = 2
    plant.workers = [plant.worker(0), plant.worker(1)]
    assert not plant.workers[1].step()
    rows.order(shop, 2)
    plant.send()
    plant.settle()

    assert_exact(shop)
    assert int(shop.warehouse.value("select sum(sign) from facts.fct_orders")) == 2


def test_no_worker_works_while_models_are_deployed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Plant(shop, uuid4().hex[:8], shards=2)
    plant.settle()
    other = plant.workers[1]
    number = plant.ledger.last_number(other.stream) + 1
    left_open = Entry(other.stream, number, shop.lsn_position, shop.lsn_position, {}, "")
    plant.ledger.intend(left_open)
    monkeypatch.setattr(workers, "STILLNESS", 0.1)
    plant.workers[0].layer.forget()

    with pytest.raises(LiveWorkersBusy) as raised:
        for _ in range(3):
            plant.workers[0].step()

    assert str(raised.value).startswith("live workers don't keep still: live:1\n")
    assert not other.step()
    plant.ledger.abandon(left_open)
    plant.settle()
    assert_exact(shop)
