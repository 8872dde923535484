"""How many changes land, and how fresh they are when they do."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tillstream.ledger import Landing

WINDOW = timedelta(seconds=60)
RECENT = timedelta(seconds=5)

# Ages are kept in classes that grow by 2 %: exact enough for a percentile, small for any run.
_STEP = math.log(1.02)
_SAMPLES_PER_LANDING = 8


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the pulse says at one moment. Freshness is the time from commit in the source to readable here."""

    batches: int = 0
    changes: int = 0
    transactions: int = 0
    snapshot_rows: int = 0
    changes_per_second: float = 0.0
    freshness_p50_ms: float | None = None
    freshness_p99_ms: float | None = None
    last_landed_at: datetime | None = None
    per_second: tuple[int, ...] = ()


class Ages:
    """Many ages, each with a weight; answers percentiles to within 2 %."""

    def __init__(self) -> None:
        self._weights: dict[int, float] = {}
        self._total = 0.0

    def add(self, age_ms: float, weight: float) -> None:
        """Take note of one age."""
        key = round(math.log(max(age_ms, 0.01)) / _STEP)
        self._weights[key] = self._weights.get(key, 0.0) + weight
        self._total += weight

    def add_all(self, ages: Iterable[tuple[float, float]]) -> None:
        """Add pairs of age and weight."""
        for age_ms, weight in ages:
            self.add(age_ms, weight)

    def percentile(self, share: float) -> float | None:
        """The age that `share` of the weight does not exceed; None without any."""
        seen = 0.0
        for key in sorted(self._weights):
            seen += self._weights[key]
            if seen >= share * self._total - 1e-9:
                return math.exp(key * _STEP)
        return None


class Pulse:
    """Fed with every landing by the pump's thread, read by any other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[Landing] = deque()
        self._ages = Ages()
        self._batches = self._changes = self._transactions = self._snapshot_rows = 0
        self._rows: dict[str, int] = {}
        self._first_at: datetime | None = None
        self._last: Landing | None = None
        self.live_at: datetime | None = None

    def land(self, landing: Landing) -> None:
        """Take note of a landing."""
        with self._lock:
            self._last = landing
            self._batches += 1
            for name, count in landing.row_counts.items():
                self._rows[name] = self._rows.get(name, 0) + count
            if landing.position.lsn == 0:
                self._snapshot_rows += landing.row_count
                return
            self._changes += landing.row_count
            self._transactions += landing.transaction_count
            if landing.landed_at is None:
                return
            self._first_at = self._first_at or landing.landed_at
            self._ages.add_all(self._countable(landing))
            self._recent.append(landing)
            while self._recent and landing.landed_at - (self._recent[0].landed_at or landing.landed_at) > WINDOW:
                self._recent.popleft()

    def rows(self) -> dict[str, int]:
        """Rows landed since the start, by table."""
        with self._lock:
            return dict(self._rows)

    @property
    def last(self) -> Landing | None:
        return self._last

    def numbers(self, now: datetime) -> Numbers:
        """The newest minute for rates and freshness, everything since the start for counts."""
        with self._lock:
            recent = list(self._recent)
            ages = Ages()
            for landing in _since(recent, now - WINDOW):
                ages.add_all(self._countable(landing))
            return self._numbers(ages, _rate(recent, now), _per_second(recent, now))

    def total(self) -> Numbers:
        """Everything since the start; the rate is from the first landing to the last."""
        with self._lock:
            rate = 0.0
            if self._first_at and self._last and self._last.landed_at:
                rate = self._changes / max((self._last.landed_at - self._first_at).total_seconds(), 1.0)
            return self._numbers(self._ages, rate, ())

    def _numbers(self, ages: Ages, rate: float, per_second: tuple[int, ...]) -> Numbers:
        return Numbers(
            batches=self._batches,
            changes=self._changes,
            transactions=self._transactions,
            snapshot_rows=self._snapshot_rows,
            changes_per_second=rate,
            freshness_p50_ms=ages.percentile(0.5),
            freshness_p99_ms=ages.percentile(0.99),
            last_landed_at=self._last.landed_at if self._last else None,
            per_second=per_second,
        )

    def _countable(self, landing: Landing) -> Iterable[tuple[float, float]]:
        """Ages of the landing's changes, spread over its commits; none from before the flow was live.

        What was committed while the snapshot ran waited for the snapshot, which is no question of freshness.
        """
        first, last, landed = landing.committed_first_at, landing.committed_last_at, landing.landed_at
        if first is None or last is None or landed is None:
            return
        if self.live_at is None or last < self.live_at:
            return
        first = max(first, self.live_at)
        count = min(landing.row_count, _SAMPLES_PER_LANDING) if last > first else 1
        for index in range(count):
            at = first + (last - first) * (index / max(count - 1, 1))
            yield max((landed - at).total_seconds() * 1000, 0.0), landing.row_count / count


def _since(landings: Iterable[Landing], at: datetime) -> list[Landing]:
    return [each for each in landings if each.landed_at is not None and each.landed_at >= at]


def _rate(landings: Sequence[Landing], now: datetime) -> float:
    return sum(each.row_count for each in _since(landings, now - RECENT)) / RECENT.total_seconds()


def _per_second(landings: Sequence[Landing], now: datetime) -> tuple[int, ...]:
    counts = [0] * int(WINDOW.total_seconds())
    for landing in landings:
        if landing.landed_at is None:
            continue
        seconds_ago = int((now - landing.landed_at).total_seconds())
        if 0 <= seconds_ago < len(counts):
            counts[-1 - seconds_ago] += landing.row_count
    return tuple(counts)
