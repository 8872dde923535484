"""When people buy: growth over the year, the seasons, the days of the week, the hours of the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from tillstream.simulate.tables import Integers

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_MONTH = np.array([0.92, 0.84, 0.90, 0.95, 1.00, 0.97, 0.90, 0.93, 1.02, 1.08, 1.38, 1.50])
_OF_WEEKDAY = np.array([1.05, 0.97, 0.95, 0.98, 1.02, 1.18, 1.25])  # Monday first
_OF_HOUR = np.array(
    [14, 8, 5, 4, 4, 6, 12, 24, 38, 52, 62, 68, 72, 66, 60, 58, 60, 66, 80, 96, 104, 92, 62, 30], dtype=np.float64
)
_GROWTH = 0.9  # how much more is sold at the end of the span than at its start


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in microseconds since 1970."""

    start: int
    end: int

    @classmethod
    def until(cls, now: datetime, days: int) -> Span:
        end = (now - _EPOCH) // timedelta(microseconds=1)
        return cls(end - days * DAY, end)


def busy_moments(random: np.random.Generator, count: int, span: Span) -> Integers:
    """Moments within the span, in order, more of them when people buy more."""
    hours = np.arange(span.start, span.end, HOUR, dtype=np.int64)
    days = hours.astype("datetime64[us]").astype("datetime64[D]")
    month = (days.astype("datetime64[M]").astype(np.int64)) % 12
    weekday = (days.astype(np.int64) + 3) % 7
    hour = hours // HOUR % 24
    growth = 1 + _GROWTH * np.arange(len(hours)) / len(hours)
    # Some days are better than others for no reason that anybody knows.
    mood = random.lognormal(0.0, 0.09, len(hours) // 24 + 2)[np.arange(len(hours)) // 24]
    weight = _OF_MONTH[month] * _OF_WEEKDAY[weekday] * _OF_HOUR[hour] * growth * mood
    cell = np.searchsorted(np.cumsum(weight / weight.sum()), random.random(count))
    found = hours[np.minimum(cell, len(hours) - 1)] + random.integers(0, HOUR, count)
    return np.sort(np.minimum(found, span.end - SECOND))


def after(random: np.random.Generator, moments: Integers, least: int, typical: int) -> Integers:
    """A moment later than each: at least `least` later, and `typical` more on average."""
    wait: Integers = (random.exponential(typical, len(moments)) + least).astype(np.int64)
    return moments + wait
