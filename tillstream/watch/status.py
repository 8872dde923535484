"""The state of a running pipeline at one moment."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tillstream.ports import SourceLag
from tillstream.watch.pulse import Numbers


class Phase(StrEnum):
    """What the pipeline is doing."""

    STARTING = "starting"
    SNAPSHOT = "snapshot"
    DEPLOYING = "deploying models"
    LIVE = "live"
    TROUBLE = "trouble"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, and what to do."""

    message: str
    detail: str = ""
    hint: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class TableProgress:
    """How much of one table's snapshot has landed. `expected` is the source's estimate."""

    name: str
    rows: int
    expected: int | None = None

    @property
    def fraction(self) -> float | None:
        """0 to 1; None when the source has no estimate."""
        if self.expected is None:
            return None
        return min(self.rows / self.expected, 1.0) if self.expected else 1.0


@dataclass(frozen=True, slots=True)
class Status:
    """Everything `till status`, the page and the metrics show."""

    phase: Phase
    pid: int
    source: str
    warehouse: str
    started_at: datetime
    live_at: datetime | None = None
    numbers: Numbers = field(default_factory=Numbers)
    tables: tuple[TableProgress, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    position: int | None = None
    batch_number: int | None = None
    lag: SourceLag | None = None
    lag_seconds: float | None = None
    trouble: Trouble | None = None
    # Other pumps of the process, e.g. "capture".
    parts: dict[str, Status] = field(default_factory=dict)

    @property
    def snapshot_fraction(self) -> float | None:
        """How much of the whole snapshot has landed; None when nobody knows."""
        expected = sum(table.expected or 0 for table in self.tables)
        if not expected:
            return None
        return min(sum(min(table.rows, table.expected or 0) for table in self.tables) / expected, 1.0)

    def as_json(self) -> dict[str, Any]:
        """Plain values, times as ISO text."""
        content: dict[str, Any] = _plain(asdict(self))
        content["parts"] = {name: part.as_json() for name, part in self.parts.items()}
        content["snapshot_fraction"] = self.snapshot_fraction
        for table, plain in zip(self.tables, content["tables"], strict=True):
            plain["fraction"] = table.fraction
        return content


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value
