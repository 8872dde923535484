"""Counts what a pipeline does: rows by table and operation, batches, freshness by fact, retries, requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from tillstream.errors import TillError
from tillstream.ledger import Landing
from tillstream.watch.spread import Spread

OPERATIONS = {"R": "snapshot", "I": "insert", "U": "update", "D": "delete", "T": "truncate"}

# The ages of a batch's changes lie between those of its first and its last commit.
_SAMPLES = 8


@dataclass(slots=True)
class Failures:
    """Errors of one kind that were tried again or ended the flow."""

    count: int = 0
    last_at: datetime | None = None


class Tally:
    """Fed by the pump's thread and the web server's, read by any other.

    `facts_of` says which facts rows of some tables (by warehouse name) can change.
    """

    def __init__(self, facts_of: Callable[[Collection[str]], Collection[str]] = lambda _tables: ()) -> None:
        self.freshness = Spread()
        self.batch_seconds = Spread()
        self.batch_rows = Spread()
        self._facts_of = facts_of
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str], int] = {}
        self._by_fact: dict[str, Spread] = {}
        self._failures: dict[str, Failures] = {}
        self._requests: dict[str, Spread] = {}
        self._answers: dict[tuple[str, int], int] = {}
        self._live_at: datetime | None = None

    def went_live(self, at: datetime) -> None:
        """What was committed before waited for the snapshot, and counts for no freshness."""
        self._live_at = at

    def landed(self, landing: Landing) -> None:
        """Take note of a landing."""
        self.batch_rows.add(landing.row_count)
        if landing.seconds is not None:
            self.batch_seconds.add(landing.seconds)
        with self._lock:
            for table, counts in landing.op_counts.items():
                for operation, count in counts.items():
                    key = (table, OPERATIONS.get(operation, "other"))
                    self._rows[key] = self._rows.get(key, 0) + count
        ages = self._ages(landing)
        if not ages:
            return
        self.freshness.add_all(ages)
        for fact in self._facts_of(landing.row_counts):
            with self._lock:
                spread = self._by_fact.setdefault(fact, Spread())
            spread.add_all(ages)

    def troubled(self, error: BaseException) -> None:
        """Take note of an error that interrupted or ended the flow."""
        kind = type(error).__name__ if isinstance(error, TillError) else "Unexpected"
        with self._lock:
            failures = self._failures.setdefault(kind, Failures())
            failures.count += 1
            failures.last_at = datetime.now(UTC)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Take note of an answer to a request."""
        with self._lock:
            spread = self._requests.setdefault(route, Spread())
            self._answers[route, status] = self._answers.get((route, status), 0) + 1
        spread.add(seconds)

    @property
    def rows(self) -> dict[tuple[str, str], int]:
        """Rows by table and operation, since the start."""
        with self._lock:
            return dict(self._rows)

    @property
    def by_fact(self) -> dict[str, Spread]:
        """The freshness of each fact, and so of the rollups that sum it, in seconds."""
        with self._lock:
            return dict(self._by_fact)

    @property
    def failures(self) -> dict[str, Failures]:
        """Errors by their class."""
        with self._lock:
            return dict(self._failures)

    @property
    def requests(self) -> dict[str, Spread]:
        """Seconds that requests took, by route."""
        with self._lock:
            return dict(self._requests)

    @property
    def answers(self) -> dict[tuple[str, int], int]:
        """Requests by route and status code."""
        with self._lock:
            return dict(self._answers)

    def _ages(self, landing: Landing) -> list[tuple[float, float]]:
        first, last, landed = landing.committed_first_at, landing.committed_last_at, landing.landed_at
        if first is None or last is None or landed is None or self._live_at is None or last < self._live_at:
            return []
        first = max(first, self._live_at)
        count = min(landing.row_count, _SAMPLES) if last > first else 1
        step = (last - first) / max(count - 1, 1)
        return [
            (max((landed - first - step * index).total_seconds(), 0.0), landing.row_count / count)
            for index in range(count)
        ]
