"""Keeps the page live: when a batch lands, reads the panels once and tells every open page.

The pump's thread only leaves a note; a thread of this module does the reading, at most every 50 ms and
never more than half of the time, and only while somebody looks.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.ledger import Landing
from tillstream.watch.pulse import Ages
from tillstream.watch.recent import RecentEvents
from tillstream.watch.tally import Tally
from tillstream.web.board import Board
from tillstream.web.panels import panels

LEAST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
MOST_LANDINGS = 1000


@dataclass(frozen=True, slots=True)
class State:
    """What the page shows at one moment; the higher number is the newer one.

    `committed_at` is when the newest change that this state is the first to show was committed.
    """

    number: int = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    committed_at: datetime | None = None
    status: Mapping[str, Any] = field(default_factory=dict)


class Live:
    """The state of the page, and those who wait for the next one."""

    def __init__(
        self,
        warehouse: Warehouse,
        status: Callable[[], Mapping[str, Any]] = dict,
        *,
        currency: str = "USD",
        time_zone: str = "UTC",
        tally: Tally | None = None,
    ) -> None:
        self.tally = tally or Tally()
        # The newest verification that an earlier process left in the warehouse.
        self.recall: Callable[[], Mapping[str, Any] | None] = lambda: None
        # What the log said lately; whoever writes the log passes it through here.
        self.events = RecentEvents()
        self.currency = currency
        self.time_zone = time_zone
        self.board = Board(warehouse, panels(), {"currency": currency, "zone": time_zone})
        self.state = State()
        self.freshness: dict[str, float | None] = {}
        self.epoch = f"{time.time_ns() // 1_000_000:x}"
        self._ending = threading.Event()
        self._status = status
        self._ages = Ages()
        self.verification: Mapping[str, Any] | None = None
        self._landings: deque[Landing] = deque(maxlen=MOST_LANDINGS)
        self._listeners: set[Callable[[], None]] = set()
        self._changed = False
        self._lock = threading.Lock()
        self._noted = threading.Event()
        self._thread: threading.Thread | None = None

    def landed(self, landing: Landing) -> None:
        """Take note of a landing. Called by the pump's thread; returns at once."""
        self._changed = True
        if self._listeners:
            self._landings.append(landing)
            self._noted.set()

    def verified(self, report: Mapping[str, Any]) -> None:
        """Show the outcome of a verification: a report's `as_json`."""
        self.verification = report
        self._noted.set()

    def last_verification(self) -> Mapping[str, Any] | None:
        """The newest verification's report: this process's or, before there is one, an earlier one's."""
        if self.verification is None:
            self.verification = self.recall()
        return self.verification

    def status(self) -> dict[str, Any]:
        """The pipeline's state with what only the page's server knows."""
        verification = self.verification
        return {
            **self._status(),
            "page": {
                "viewers": len(self._listeners),
                **self.freshness,
            },
            "verification": brief(verification) if verification else None,
        }

    @property
    def closed(self) -> bool:
        return self._ending.is_set()

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake`, from another thread, whenever there is a newer state. The first listener starts the work."""
        with self._lock:
            self._listeners.add(wake)
            if self._thread is None and not self.closed:
                self._thread = threading.Thread(target=self._work, name="web-live", daemon=True)
                self._thread.start()
        self._noted.set()

    def leave(self, wake: Callable[[], None]) -> None:
        """Call it no more."""
        with self._lock:
            self._listeners.discard(wake)

    def message(self, seen: int) -> tuple[int, str]:
        """The newest state's number, and as JSON all of it that is newer than state `seen`."""
        state = self.state
        content = {
            "number": state.number,
            "at": state.at.isoformat(),
            "committed_at": state.committed_at.isoformat() if state.committed_at else None,
            "currency": self.currency,
            "time_zone": self.time_zone,
            "status": state.status,
            "panels": {
                name: {"rows": shown.rows, "error": shown.error}
                for name, shown in self.board.shown.items()
                if shown.changed_in > seen
            },
        }
        return state.number, json.dumps(content, separators=(",", ":"), default=str)

    def close(self) -> None:
        """End the work and let every listener go."""
        self._ending.set()
        self._noted.set()
        self._wake_all()
        if self._thread is not None:
            self._thread.join(10)

    def _work(self) -> None:
        while not self.closed:
            self._noted.wait(self._patience())
            self._noted.clear()
            if not self._listeners or self.closed:
                continue
            started = time.monotonic()
            self._advance()
            self._ending.wait(max(LEAST_PAUSE, time.monotonic() - started))

    def _patience(self) -> float | None:
        if not self._listeners:
            return None
        due_in = self.board.due_in
        return LONGEST_PAUSE if due_in is None else min(LONGEST_PAUSE, due_in)

    def _advance(self) -> None:
        number = self.state.number + 1
        landed, self._changed = self._changed, False
        landings = [self._landings.popleft() for _ in range(len(self._landings))]
        self.board.refresh(number, landed=landed)
        self.last_verification()
        now = datetime.now(UTC)
        committed_at: datetime | None = None
        for landing in landings:
            if landing.position.lsn and landing.committed_last_at is not None:
                committed_at = landing.committed_last_at
                self._ages.add(max((now - committed_at).total_seconds() * 1000, 0.0), landing.row_count)
        self.freshness = {f"freshness_p{percent}_ms": self._ages.percentile(percent / 100) for percent in (50, 95, 99)}
        self.state = State(number, now, committed_at, self.status())
        self._wake_all()

    def _wake_all(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for wake in listeners:
            wake()


def brief(report: Mapping[str, Any]) -> dict[str, Any]:
    """A verification in as many words as fit on a page."""
    tables = report.get("tables", [])
    return {
        "exact": report.get("exact"),
        "at": report.get("started_at"),
        "seconds": report.get("seconds"),
        "rows": sum(table.get("rows", 0) for table in tables),
        "tables": len(tables),
        "different": [_named(each) for each in tables if not each.get("exact", True)],
    }


def _named(table: Mapping[str, Any]) -> str:
    name, layer = str(table["table"]), str(table["layer"])
    return name if "." in name else f"{layer}.{name}"
