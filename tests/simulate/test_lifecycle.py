"""The table of what can become of an order, and the arithmetic of its money."""

from __future__ import annotations

from itertools import accumulate
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillstream.simulate.amounts import percent_of, share, tax_on, text
from tillstream.simulate.lifecycle import NEXT, Status, may_follow
from tillstream.simulate.present.state import Order

STATUSES: tuple[Status, ...] = get_args(Status)
amounts = st.integers(0, 10_000_000)


def an_order(status: Status = "placed") -> Order:
    return Order(1, status, "pending", 1, 1, 1, 0, [])


@given(st.lists(st.sampled_from(STATUSES), max_size=12))
def test_an_order_takes_exactly_the_legal_steps(wishes: list[Status]) -> None:
    order = an_order()
    for wish in wishes:
        before = order.status
        if may_follow(before, wish):
            order.become(wish)
            assert order.status == wish
        else:
            with pytest.raises(ValueError, match="can't become"):
                order.become(wish)
            assert order.status == before


def test_every_status_can_be_reached_and_every_life_ends() -> None:
    reached, frontier = {"placed"}, ["placed"]
    for _ in range(len(STATUSES)):
        frontier = [following for status in frontier for following in NEXT[status]]  # type: ignore[index]
        reached |= set(frontier)
    assert reached == set(STATUSES)
    assert frontier == []


@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=10), st.floats(0, 1))
def test_the_parts_of_a_discount_add_up_and_none_exceeds_its_line(gross: list[int], fraction: float) -> None:
    items = sum(gross)
    discount = int(items * fraction)
    before = [0, *accumulate(gross)][:-1]
    parts = [share(discount, so_far, line, max(items, 1)) for so_far, line in zip(before, gross, strict=True)]
    assert sum(parts) == discount
    assert all(0 <= part <= line for part, line in zip(parts, gross, strict=True))


@given(st.lists(st.tuples(amounts, st.integers(0, 10_000)), min_size=1, max_size=20))
def test_arrays_are_reckoned_like_numbers(rows: list[tuple[int, int]]) -> None:
    net, rate = np.array(rows, dtype=np.int64).T
    assert tax_on(net, rate).tolist() == [tax_on(*row) for row in rows]
    percent = rate // 100
    assert percent_of(net, percent).tolist() == [percent_of(amount, part // 100) for amount, part in rows]


@given(st.integers(-(10**12), 10**12))
def test_cents_are_written_exactly(cents: int) -> None:
    written = text(cents)
    whole, _, rest = written.partition(".")
    assert len(rest) == 2
    assert int(whole.replace("-", "") + rest) * (-1 if written.startswith("-") else 1) == cents
