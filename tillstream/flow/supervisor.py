"""Runs a whole pipeline in one process: the pump in a thread, the page in another, and their end.

start   serve, announce the process, then begin to pump
drain   wait until everything up to a log position has landed
stop    the pump finishes its batch, the source lets go, the page closes, the warehouse last
"""

from __future__ import annotations

import os
import re
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tillstream.errors import TillError, without_values
from tillstream.flow.folder import Role, announce, withdraw
from tillstream.flow.pipeline import Pipeline, Service
from tillstream.flow.pump import Pump, Watcher
from tillstream.ledger import Landing
from tillstream.ports import SourceLag
from tillstream.watch.events import (
    Log,
    ModelsDeployed,
    PipelineFailed,
    PipelineStarted,
    PipelineStopped,
    SnapshotBegun,
    TroubleBegan,
    TroubleEnded,
    WentLive,
    log_to,
)
from tillstream.watch.lag import LagClock
from tillstream.watch.pulse import Pulse
from tillstream.watch.recent import RecentEvents
from tillstream.watch.status import Phase, Status, TableProgress, Trouble
from tillstream.watch.tally import Tally

ORDERLY = 60.0
QUICK = 3.0

# How often, in seconds, the source is asked how far behind we are.
LOOK_EVERY = 1.0


@dataclass(slots=True)
class _State:
    phase: Phase = Phase.STARTING
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    live_at: datetime | None = None
    trouble: Trouble | None = None
    expected: Mapping[str, int] = field(default_factory=dict)


class Supervisor(Watcher):
    """One pipeline and its page, from start to stop. The caller holds the folder meanwhile."""

    def __init__(self, folder: Path, pipeline: Pipeline, log: Log | None = None, role: Role | None = Role.LOAD) -> None:
        """Without a role it is a part of a process that another supervisor announces."""
        self.folder = folder
        self.role = role
        self.pipeline = pipeline
        self.pulse = Pulse()
        self.tally = Tally(pipeline.facts_of)
        # Other pumps of this process, by what they do.
        self.parts: dict[str, Supervisor] = {}
        self.url = ""
        # Called in the pump's thread with every landing, e.g. by the page.
        self.listeners: list[Callable[[Landing], None]] = []
        self.pump = Pump(
            pipeline.source,
            pipeline.destination,
            pipeline.ledger,
            pipeline.layer,
            pipeline.batcher,
            watcher=self,
            before_stream=self._before_stream,
        )
        self.failure: BaseException | None = None
        self.events = RecentEvents()
        self._log = self.events.before(log or log_to())
        self._state = _State()
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._pump, name="till-pump", daemon=True)
        self._service: Service | None = None
        self._lag: SourceLag | None = None
        self._lag_clock = LagClock()
        self._looking = threading.Thread(target=self._look, name="till-lag", daemon=True)

    def start(self, service: Service | None = None, token: str = "") -> None:
        """Serve, let other commands find us, and begin. Raises when the page can't be served."""
        if service is not None:
            self.url = service.start()
            self._service = service
        if self.role is not None:
            announce(self.folder, self.url, token, self.role)
        self._log(PipelineStarted(self.pipeline.source.name, self.pipeline.warehouse, self.url))
        self._thread.start()
        self._looking.start()

    def status(self) -> Status:
        """What is going on now."""
        state, last = self._state, self.pulse.last
        rows = self.pulse.rows()
        return Status(
            phase=state.phase,
            pid=os.getpid(),
            source=self.pipeline.source.name,
            warehouse=self.pipeline.warehouse,
            started_at=state.started_at,
            live_at=state.live_at,
            numbers=self.pulse.numbers(datetime.now(UTC)),
            tables=tuple(TableProgress(name, rows.get(name, 0), count) for name, count in state.expected.items()),
            rows=rows,
            position=self.pump.position.lsn if self.pump.position else None,
            batch_number=last.number if last else None,
            lag=self._lag,
            lag_seconds=self._lag_seconds(),
            trouble=state.trouble,
            parts={name: part.status() for name, part in self.parts.items()},
        )

    @property
    def live(self) -> bool:
        """True once the snapshot and the models are behind us."""
        return self._state.live_at is not None

    @property
    def ended(self) -> bool:
        """True when the pump runs no more, in order or not."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the pump's end, that long at most; True when it has ended."""
        return self._ended.wait(seconds)

    def drain(self, lsn: int, timeout: float) -> bool:
        """Wait until everything before log position `lsn` has landed; False when it did not in time."""
        deadline = time.monotonic() + timeout
        while not self.ended and time.monotonic() < deadline:
            position = self.pump.position
            if self.live and position is not None and self.pipeline.landed_before(position, lsn):
                return True
            self._ended.wait(0.02)
        return False

    def stop(self, *, quick: bool = False) -> None:
        """End in order: no batch is left half way unless `quick` runs out of patience, which is safe too."""
        if self._state.phase is not Phase.FAILED:
            self._state.phase = Phase.STOPPING
        self._stop.set()
        self.pump.gate.close()
        if self._thread.ident is not None:
            self._thread.join(QUICK if quick else ORDERLY)
        if self._looking.ident is not None:
            self._looking.join(QUICK)
        left = self._thread.is_alive()
        if self._service is not None:
            self._service.stop()
        if self.role is not None:
            withdraw(self.folder, self.role)
        if not left:
            # A pump that hangs still uses them; the process is about to end and takes them along.
            if not self._looking.is_alive():
                self.pipeline.source.close()
            self.pipeline.close()
        if self._state.phase is not Phase.FAILED:
            self._state.phase = Phase.STOPPED
        running_for = (datetime.now(UTC) - self._state.started_at).total_seconds()
        self._log(PipelineStopped(self.pulse.total().changes, round(running_for, 1)))

    def raise_failure(self) -> None:
        """Raise what ended the pump, or one of the parts', if something did."""
        for part in self.parts.values():
            part.raise_failure()
        if self.failure is not None:
            raise self.failure

    def _pump(self) -> None:
        try:
            self.pipeline.ready(self._stop)
            self.pump.run(self._stop)
        except BaseException as error:
            self.failure = error
            self.tally.troubled(error)
            self._state.phase = Phase.FAILED
            message, detail, hint = _words(error)
            self._state.trouble = Trouble(message, detail, hint, datetime.now(UTC))
            self._log(PipelineFailed(message, detail, hint))
        finally:
            self._ended.set()

    def landed(self, landing: Landing) -> None:
        if landing.position.lsn == 0 and self._state.phase is Phase.STARTING:
            self._begin_snapshot()
        self.pulse.land(landing)
        self.tally.landed(landing)
        for listener in self.listeners:
            listener(landing)

    def _begin_snapshot(self) -> None:
        self._state.expected = self.pipeline.expected_rows()
        self._state.phase = Phase.SNAPSHOT
        self._log(SnapshotBegun(len(self._state.expected)))

    def _before_stream(self) -> None:
        begun = time.monotonic()
        self.pipeline.caught_up()
        if not self.live:
            if self.pipeline.deploy is not None:
                self._state.phase = Phase.DEPLOYING
                self.pipeline.deploy()
                self._log(ModelsDeployed(round(time.monotonic() - begun, 1)))
            now = datetime.now(UTC)
            self._state.live_at = self.pulse.live_at = now
            self.tally.went_live(now)
            seconds = (now - self._state.started_at).total_seconds()
            self._log(WentLive(self.pulse.total().snapshot_rows, round(seconds, 1)))
        self._state.phase = Phase.LIVE

    def troubled(self, error: TillError | None) -> None:
        before = self._state.trouble
        if error is None:
            if before is not None:
                since = before.since or datetime.now(UTC)
                self._log(TroubleEnded(round((datetime.now(UTC) - since).total_seconds(), 1)))
                self._state.phase = Phase.LIVE if self.live else Phase.STARTING
            self._state.trouble = None
            return
        self.tally.troubled(error)
        message, detail, hint = _words(error)
        since = (before.since if before else None) or datetime.now(UTC)
        self._state.trouble = Trouble(message, detail, hint, since)
        self._state.phase = Phase.TROUBLE
        if before is None or before.message != message:
            self._log(TroubleBegan(message, detail, hint))

    def _look(self) -> None:
        """Ask the source now and then; in trouble as well, for its log grows meanwhile."""
        while not self._stop.wait(LOOK_EVERY) and not self.ended:
            if self._state.phase is Phase.STARTING:
                continue
            try:
                lag = self._lag = self.pipeline.source.lag()
            except TillError:
                self._lag = None
                continue
            if lag.log_end is not None:
                self._lag_clock.note(lag.log_end, datetime.now(UTC))

    def _lag_seconds(self) -> float | None:
        position = self.pump.position
        if not self.live or position is None:
            return None
        return round(self._lag_clock.seconds(position.lsn, datetime.now(UTC)), 3)


def _words(error: BaseException) -> tuple[str, str, str]:
    if isinstance(error, TillError):
        return error.message, error.detail, error.hint
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    said = re.sub(r'"[^"]*"', '"…"', without_values(str(error)))
    hint = "This is a mistake in tillstream: please report it with the lines around it."
    return f"unexpected {type(error).__name__} in {place}", said[:500], hint
