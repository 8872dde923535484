"""Spreads and the lag's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tillstream.watch.lag import LagClock
from tillstream.watch.spread import Spread

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("share", [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("most", 1.0)])
def test_percentiles_are_right_to_two_percent(share: tuple[str, float]) -> None:
    spread = Spread()
    spread.add_all((number / 1000, 1.0) for number in range(1, 1001))
    assert getattr(spread.recent(), share[0]) == pytest.approx(share[1], rel=0.021)


def test_the_newest_minute_forgets_and_the_whole_does_not() -> None:
    clock = Clock()
    spread = Spread(clock)
    spread.add(9.0)
    clock.now += 30
    spread.add(0.1, weight=3)
    assert spread.recent().most == pytest.approx(9.0, rel=0.021)
    clock.now += 35
    assert spread.recent().most == pytest.approx(0.1, rel=0.021)
    clock.now += 100
    assert spread.recent().count == 0
    assert spread.count == 4
    assert spread.sum == pytest.approx(9.3)
    assert spread.buckets([0.05, 0.2, 10.0]) == [0, 3, 4]


def test_the_lag_is_the_age_of_the_oldest_log_that_has_not_landed() -> None:
    clock = LagClock()
    assert clock.seconds(0, at(0)) == 0
    clock.note(100, at(0))
    clock.note(100, at(5))
    clock.note(200, at(10))
    assert clock.seconds(50, at(12)) == 12
    assert clock.seconds(100, at(12)) == 2
    assert clock.seconds(200, at(12)) == 0
