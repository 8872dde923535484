"""What a verification found, and how it is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

LayerName = Literal["mirror", "facts", "live"]

# More differences than this are counted, not listed.
LISTED = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what it should be.

    `expected` is what the layer above holds (the source for the mirror, the mirror for facts, the facts
    for rollups) and `found` what is there; None stands for a row that is not there at all, and
    "null" for a null.
    """

    layer: LayerName
    table: str
    range: str
    key: str
    column: str
    expected: str | None
    found: str | None


@dataclass(slots=True)
class Comparison:
    """One table's result. `different_rows` counts what `differences` may be too long to list."""

    layer: LayerName
    table: str
    row_count: int = 0
    range_count: int = 0
    different_rows: int = 0
    repaired_rows: int = 0
    seconds: float = 0.0
    differences: list[Difference] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return self.different_rows == 0

    def add(self, difference: Difference) -> None:
        """List a difference while there is room."""
        if len(self.differences) < LISTED:
            self.differences.append(difference)


@dataclass(slots=True)
class Report:
    """All of a verification, at one position of the source's log."""

    lsn: int
    started_at: datetime
    seconds: float = 0.0
    held_seconds: float = 0.0
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return all(comparison.exact for comparison in self.comparisons)

    @property
    def differences(self) -> list[Difference]:
        return [difference for comparison in self.comparisons for difference in comparison.differences]

    @property
    def repaired_rows(self) -> int:
        return sum(comparison.repaired_rows for comparison in self.comparisons)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `--json`, the page and `till.verification`."""
        return {
            "exact": self.exact,
            "lsn": self.lsn,
            "started_at": self.started_at.isoformat(),
            "seconds": round(self.seconds, 3),
            "held_seconds": round(self.held_seconds, 3),
            "repaired_rows": self.repaired_rows,
            "tables": [
                {
                    "layer": comparison.layer,
                    "table": comparison.table,
                    "exact": comparison.exact,
                    "rows": comparison.row_count,
                    "ranges": comparison.range_count,
                    "different_rows": comparison.different_rows,
                    "repaired_rows": comparison.repaired_rows,
                    "seconds": round(comparison.seconds, 3),
                }
                for comparison in self.comparisons
            ],
            "differences": [asdict(difference) for difference in self.differences],
        }
