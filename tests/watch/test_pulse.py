"""The pulse: counts, rates and freshness out of landings."""

from datetime import UTC, datetime, timedelta

import pytest

from tillstream.change import Position
from tillstream.ledger import Landing
from tillstream.watch.pulse import Ages, Pulse

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def landing(second: float, rows: int, age_ms: float = 100.0, spread_ms: float = 0.0) -> Landing:
    landed = NOON + timedelta(seconds=second)
    last = landed - timedelta(milliseconds=age_ms)
    return Landing(
        stream="store",
        number=1,
        position=Position(7),
        row_counts={"orders": rows},
        transaction_count=1,
        committed_first_at=last - timedelta(milliseconds=spread_ms),
        committed_last_at=last,
        landed_at=landed,
    )


def live_pulse() -> Pulse:
    pulse = Pulse()
    pulse.live_at = NOON - timedelta(hours=1)
    return pulse


def test_a_pulse_without_landings_knows_no_freshness() -> None:
    numbers = Pulse().numbers(NOON)

    assert numbers.freshness_p50_ms is None
    assert numbers.changes_per_second == 0


def test_snapshot_rows_are_no_changes() -> None:
    pulse = live_pulse()

    pulse.land(Landing("store", 1, Position(0), {"orders": 500}, landed_at=NOON))
    pulse.land(landing(1, 3))

    total = pulse.total()
    assert (total.snapshot_rows, total.changes, total.transactions) == (500, 3, 1)
    assert pulse.rows() == {"orders": 503}


def test_the_rate_is_of_the_newest_seconds() -> None:
    pulse = live_pulse()
    for second in range(30):
        pulse.land(landing(second, 100))

    assert pulse.numbers(NOON + timedelta(seconds=29.5)).changes_per_second == pytest.approx(100)
    assert pulse.numbers(NOON + timedelta(seconds=60)).changes_per_second == 0


def test_the_newest_minute_is_kept_by_the_second() -> None:
    pulse = live_pulse()
    pulse.land(landing(0, 5))
    pulse.land(landing(59, 7))

    counts = pulse.numbers(NOON + timedelta(seconds=59.1)).per_second

    assert (counts[0], counts[-1], sum(counts)) == (5, 7, 12)


def test_freshness_is_weighed_by_changes() -> None:
    pulse = live_pulse()
    pulse.land(landing(0, 99, age_ms=50))
    pulse.land(landing(1, 1, age_ms=5000))

    total = pulse.total()

    assert total.freshness_p50_ms == pytest.approx(50, rel=0.03)
    assert total.freshness_p99_ms == pytest.approx(50, rel=0.03)


def test_a_batch_is_as_old_as_its_commits_are_spread() -> None:
    pulse = live_pulse()
    pulse.land(landing(0, 1000, age_ms=100, spread_ms=900))

    total = pulse.total()

    assert total.freshness_p99_ms == pytest.approx(1000, rel=0.03)
    assert total.freshness_p50_ms == pytest.approx(485, rel=0.05)


def test_what_was_committed_before_the_flow_was_live_counts_for_no_freshness() -> None:
    pulse = Pulse()
    pulse.live_at = NOON
    pulse.land(landing(10, 5, age_ms=60_000))

    assert pulse.total().freshness_p50_ms is None
    assert pulse.total().changes == 5


@pytest.mark.parametrize("age", [0.5, 3, 80, 1200, 600_000])
def test_percentiles_are_right_to_two_percent(age: float) -> None:
    ages = Ages()
    ages.add(age, 1)

    assert ages.percentile(0.5) == pytest.approx(age, rel=0.02)
