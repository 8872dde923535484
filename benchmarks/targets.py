"""What the figures should be on a machine with two cores, and how far the measured ones are from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

GIB = float(1 << 30)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure of a report that should be at most, or at least, so much. `unit` as in the report's words."""

    heading: str
    value: str
    sense: Literal["at least", "at most"]
    wanted: float
    words: str

    def missed_by(self, found: float) -> float:
        """The share of the wanted figure by which it was missed; 0 when it was met."""
        short = self.wanted - found if self.sense == "at least" else found - self.wanted
        return max(short / self.wanted if self.wanted else short, 0.0)


_BACKLOG = "stream, a backlog"
_THROUGH = "freshness through Kafka at 1,000 changes/s"
_GROWN = "the live step at 100 times the history: times as much CPU per change, changes"

TARGETS = (
    Target("snapshot", "share_of_copy", "at least", 0.35, "snapshot, as a share of the server's own COPY"),
    Target("drain", "times_recvlogical", "at least", 0.5, "drain, as a share of pg_recvlogical"),
    Target("drain", "changes_per_second", "at least", 75_000, "drain, changes/s into exact rollups"),
    Target("freshness at 1,000 changes/s", "p50_ms", "at most", 120, "commit to rollup at 1,000 changes/s, p50"),
    Target("freshness at 1,000 changes/s", "p99_ms", "at most", 350, "commit to rollup at 1,000 changes/s, p99"),
    Target("freshness at 5,000 changes/s", "p99_ms", "at most", 700, "commit to rollup at 5,000 changes/s, p99"),
    Target("cost, changes of the newest year", "cpu_growth", "at most", 1.5, f"{_GROWN} of the newest year"),
    Target("cost, changes of any age", "cpu_growth", "at most", 1.5, f"{_GROWN} of any age"),
    Target("memory", "load_peak_memory", "at most", GIB, "peak memory at load"),
    Target("memory", "transaction_growth", "at most", 1.5, "peak memory in a transaction four times as big, times"),
    Target("panels", "slowest_p99_ms", "at most", 50, "page query, p99 of the slowest panel"),
    Target(_BACKLOG, "share_of_consumed", "at least", 0.3, "from Kafka, as a share of confluent-kafka alone"),
    Target(_BACKLOG, "changes_per_second", "at least", 100_000, "from Kafka, changes/s into exact rollups"),
    Target(_THROUGH, "p50_ms", "at most", 250, "commit to rollup through Kafka at 1,000 changes/s, p50"),
    Target(_THROUGH, "p99_ms", "at most", 800, "commit to rollup through Kafka at 1,000 changes/s, p99"),
    Target("exactness", "different", "at most", 0, "differences after all of it"),
    Target("exactness through Kafka", "different", "at most", 0, "differences behind Kafka after all of it"),
)


def verdicts(results: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Target, float]]:
    """Each target that was measured, and the median that was found."""
    for target in TARGETS:
        found = results.get(target.heading, {}).get(target.value)
        if found is not None:
            yield target, found["median"]
