"""The newest value of every panel, read from the warehouse, with the number of the state it changed in."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.errors import TillError
from tillstream.web.panels import Panel

# At times nothing lands, and yet a minute passes or a day begins.
STALE_AFTER = 5.0
# What can't be read may be about to be built.
BROKEN_AFTER = 1.0


@dataclass(frozen=True, slots=True)
class Shown:
    """One panel's rows. `changed_in` is the number of the state that first had them."""

    rows: list[dict[str, Any]]
    changed_in: int
    read_at: datetime
    took_ms: float
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "rows": self.rows,
            "read_at": self.read_at.isoformat(),
            "took_ms": round(self.took_ms, 1),
            "error": self.error,
        }


class Board:
    """Reads panels. `refresh` belongs to one thread; everybody may look at `shown`."""

    def __init__(self, warehouse: Warehouse, panels: Mapping[str, Panel], parameters: Mapping[str, str]) -> None:
        self.panels = panels
        self.shown: Mapping[str, Shown] = {}
        self.warehouse = warehouse
        self.parameters = dict(parameters)
        self._read_at: dict[str, float] = {}
        self._left_out: set[str] = set()

    def refresh(self, number: int, *, landed: bool) -> None:
        """Read what is due, as part of the state of that number.

        After a landing those panels are read that are read every time; the others become due when their
        `every_ms` has passed, and are left to a later call so that they hold nothing up.
        """
        fresh = dict(self.shown)
        now = time.monotonic()
        if landed:
            self._left_out = {name for name, panel in self.panels.items() if panel.every_ms}
        for name, panel in self.panels.items():
            shown = fresh.get(name)
            age = now - self._read_at.get(name, 0.0)
            due = not panel.every_ms if landed else self._due_in(name, now) <= 0
            if shown is None or age > _patience(shown) or due:
                fresh[name] = self.read(name, number)
                self._read_at[name] = now
                self._left_out.discard(name)
        self.shown = fresh

    @property
    def due_in(self) -> float | None:
        """Seconds until a panel that was left out is due; None when there is none."""
        now = time.monotonic()
        return min((max(self._due_in(name, now), 0.0) for name in self._left_out), default=None)

    def _due_in(self, name: str, now: float) -> float:
        if name not in self._left_out:
            return math.inf
        return self._read_at.get(name, 0.0) + self.panels[name].every_ms / 1000 - now

    def read(self, name: str, number: int = 0) -> Shown:
        """Read one panel now. What can't be read says why; the others are not held up by it."""
        started = time.perf_counter()
        rows: list[dict[str, Any]] = []
        error = ""
        try:
            rows = self.panels[name].read(self.warehouse, self.parameters)
        except TillError as trouble:
            error = trouble.detail or trouble.message
        before = self.shown.get(name)
        same = before is not None and before.rows == rows and before.error == error
        changed_in = before.changed_in if before is not None and same else number
        return Shown(rows, changed_in, datetime.now(UTC), (time.perf_counter() - started) * 1000, error)


def _patience(shown: Shown) -> float:
    return BROKEN_AFTER if shown.error else STALE_AFTER
