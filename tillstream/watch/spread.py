"""How values are spread: since the start, for a histogram, and over the newest minute, for percentiles."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

# Values are kept in classes that grow by 2 %: exact enough for a percentile, small for any run.
_STEP = math.log(1.02)
_LEAST = 1e-6

# The newest minute is kept in slots, of which the oldest is let go at a time.
_SLOT_SECONDS = 5.0
_SLOTS = 12


@dataclass(frozen=True, slots=True)
class Percentiles:
    """What the newest minute says; None without a value in it."""

    count: float = 0.0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    most: float | None = None


class Spread:
    """Many values, each with a weight. Any thread may add and ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all: dict[int, float] = {}
        self._slots: dict[int, dict[int, float]] = {}
        self._sum = self._count = 0.0

    def add(self, value: float, weight: float = 1.0) -> None:
        """Take note of one value."""
        self.add_all([(value, weight)])

    def add_all(self, values: Iterable[tuple[float, float]]) -> None:
        """Take note of pairs of value and weight."""
        number = int(self._clock() / _SLOT_SECONDS)
        with self._lock:
            slot = self._slots.get(number)
            if slot is None:
                self._slots = {each: kept for each, kept in self._slots.items() if each > number - _SLOTS}
                slot = self._slots[number] = {}
            for value, weight in values:
                key = math.ceil(math.log(max(value, _LEAST)) / _STEP)
                slot[key] = slot.get(key, 0.0) + weight
                self._all[key] = self._all.get(key, 0.0) + weight
                self._sum += value * weight
                self._count += weight

    @property
    def sum(self) -> float:
        return self._sum

    @property
    def count(self) -> float:
        return self._count

    def recent(self) -> Percentiles:
        """The percentiles of the newest minute."""
        oldest = int(self._clock() / _SLOT_SECONDS) - _SLOTS
        merged: dict[int, float] = {}
        with self._lock:
            for slot in (slot for number, slot in self._slots.items() if number > oldest):
                for key, weight in slot.items():
                    merged[key] = merged.get(key, 0.0) + weight
        if not merged:
            return Percentiles()
        total = sum(merged.values())
        p50, p95, p99, most = (_percentile(merged, total, share) for share in (0.5, 0.95, 0.99, 1.0))
        return Percentiles(total, p50, p95, p99, most)

    def buckets(self, bounds: Sequence[float]) -> list[float]:
        """Since the start: how much weight lies at or below each bound."""
        with self._lock:
            known = list(self._all.items())
        return [sum(weight for key, weight in known if math.exp(key * _STEP) <= bound * 1.0001) for bound in bounds]


def _percentile(weights: dict[int, float], total: float, share: float) -> float:
    seen = 0.0
    key = 0
    for key in sorted(weights):
        seen += weights[key]
        if seen >= share * total - 1e-9:
            break
    return math.exp(key * _STEP)
