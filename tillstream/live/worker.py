"""The live step as a process of its own: follows what loaders have landed, in one shard of the roots.

A loader's pump ends with bronze and mirror. A worker takes the batches that the ledger says are done, of all lanes,
as many at once as there are, and brings its shard's facts and rollups up to them. The mirror may be ahead of what
it takes: a root that is touched again later is looked at again later, so what is told too early is never told twice.

Each worker is a stream of the ledger, `live:0`, `live:1`, …, whose position is the newest batch of every lane. The
first shard's worker also deploys the models; the others keep still meanwhile. Both look before they act and again
after they have said that they will, so one of them always sees the other.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from tillstream.change import Position
from tillstream.errors import LiveWorkersBusy, Retry, TillError
from tillstream.flow.failpoints import failpoint
from tillstream.flow.pump import FIRST_PAUSE, LONGEST_PAUSE, Watcher
from tillstream.ledger import Entry, Landing, SharedLedger, complete, first_number
from tillstream.live.layer import LiveLayer

# Numbers of live workers' steps come after those of any lane's batches.
FIRST_LANE = 1 << 20
# As many rows as this make a step; more wait for the next.
ENOUGH_ROWS = 200_000
# How often, in seconds, the ledger is asked when nothing had landed, and how long other workers may take to keep still.
LOOK_EVERY = 0.02
STILLNESS = 60.0


@dataclass(frozen=True, slots=True)
class _Shards:
    """How many there are, since which deployment."""

    count: int
    since: str


@dataclass(eq=False)
class LiveWorker:
    """One shard's worker. `lanes` is how the loaders' streams begin, `lane_count` how many there are.

    `are_current` tells whether the models in the warehouse are those that are wanted, `deploy` builds them.
    """

    layer: LiveLayer
    ledger: SharedLedger
    lanes: str
    lane_count: int = 1
    are_current: Callable[[], bool] = lambda: True
    deploy: Callable[[], None] = lambda: None
    watcher: Watcher = field(default_factory=Watcher)
    _followed: dict[str, int] | None = field(default=None, init=False)
    _shards: _Shards | None = field(default=None, init=False)
    _number: int = field(default=0, init=False)

    @property
    def stream(self) -> str:
        return _stream(self.layer.shard.index)

    @property
    def _lanes(self) -> list[str]:
        return [f"{self.lanes}{lane}" for lane in range(self.lane_count)]

    def run(self, stop: threading.Event) -> None:
        """Follow until `stop` is set. What can heal is tried again, ever more slowly; the rest raises."""
        pause = FIRST_PAUSE
        while not stop.is_set():
            try:
                moved = self.step()
                pause = FIRST_PAUSE
                if not moved:
                    stop.wait(LOOK_EVERY)
            except TillError as error:
                if error.retry is Retry.NEVER:
                    raise
                self._followed = None
                self.watcher.troubled(error)
                stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def step(self) -> bool:
        """Bring this shard up to what has landed; False when there is nothing to do, or somebody deploys."""
        if self._followed is None and not self._begin():
            return False
        assert self._followed is not None
        if not self.layer.is_current():
            # Somebody deploys, or has deployed, other models.
            self._followed = None
            return False
        landed = _first_rows(self.ledger.landed(self._followed))
        if not landed:
            return False
        self._number += 1
        entry = self._entry(landed)
        self.ledger.intend(entry)
        failpoint("live_after_intent")
        if not self.layer.is_current():
            self.ledger.abandon(entry)
            self._followed = None
            return False
        self._finish(entry, landed)
        return True

    def _begin(self) -> bool:
        """Deploy where that is ours to do, end what a crash left open, and find out where to go on."""
        if self.layer.shard.index == 0 and not (self.are_current() and self._agreed()):
            if not self._caught_up():
                return False
            self._deploy()
        self.layer.reload()
        if not self.layer.ready or not self._agreed():
            return False
        self._number = self.ledger.last_number(self.stream) or first_number(FIRST_LANE + self.layer.shard.index)
        entry = self.ledger.pending(self.stream)
        if entry is not None:
            self._end(entry)
        done = self.ledger.last_done(self.stream)
        assert done is not None
        self._shards, vector = _shards(done.position), _vector(done.position)
        self._followed = {name: vector.get(name, 0) for name in self._lanes}
        self.watcher.troubled(None)
        return True

    def _deploy(self) -> None:
        """Build the models from the mirror while no worker works, and let all of them begin from there."""
        self.layer.forget()
        deadline = time.monotonic() + STILLNESS
        others = [name for name in self.ledger.streams("live:") if name != self.stream]
        while busy := [name for name in others if self.ledger.pending(name)]:
            if time.monotonic() > deadline:
                raise LiveWorkersBusy(busy)
            time.sleep(LOOK_EVERY)
        # Batches that land while the models are built may be in them already: they are looked at once more.
        newest = {name: self.ledger.last_done(name) for name in self._lanes}
        landed = {name: entry.number if entry else 0 for name, entry in newest.items()}
        self.deploy()
        shards = _Shards(self.layer.shard.count, uuid4().hex[:8])
        for index in range(shards.count):
            number = self.ledger.last_number(_stream(index)) or first_number(FIRST_LANE + index)
            position = _position(number + 1, landed, shards)
            entry = Entry(_stream(index), number + 1, None, position, {}, "")
            self.ledger.done(entry, Landing(entry.stream, entry.number, position))

    def _caught_up(self) -> bool:
        """Whether every lane has left the history that was there before it began."""
        return all(self._has_caught_up(name) for name in self._lanes)

    def _has_caught_up(self, lane: str) -> bool:
        done = self.ledger.last_done(lane)
        return bool(done and not done.is_snapshot) or self.ledger.last_done(complete(lane)) is not None

    def _agreed(self) -> bool:
        """Whether the newest deployment was for as many shards as we know of, and ours begins with it."""
        first, mine = (self.ledger.last_done(name) for name in (_stream(0), self.stream))
        if first is None or mine is None or _shards(first.position).count != self.layer.shard.count:
            return False
        return _shards(first.position) == _shards(mine.position)

    def _end(self, entry: Entry) -> None:
        """What was staged is published again, which adds nothing to what had arrived."""
        assert entry.after is not None
        until = _vector(entry.position)
        landed = [one for one in self.ledger.landed(_vector(entry.after)) if one.number <= until[one.stream]]
        self._finish(entry, landed, after_crash=True)

    def _finish(self, entry: Entry, landed: Sequence[Landing], *, after_crash: bool = False) -> None:
        begun, batches = time.monotonic(), [one.number for one in landed]
        if not entry.is_staged:
            self.layer.stage_landed(entry.number, batches)
            failpoint("live_after_stage")
            self.ledger.staged(entry)
        self.layer.publish(entry.number)
        failpoint("live_after_publish")
        if after_crash and self.layer.shard.count == 1:
            # An embedded engine may have died with us. Beside other workers, rollups can't be compared with facts;
            # there the engine is a server of its own, which keeps what it has begun.
            self.layer.reconcile_landed(entry.number, batches)
        landing = _joined(entry, landed, time.monotonic() - begun)
        self.ledger.done(entry, landing)
        failpoint("live_after_done")
        self._followed = _vector(entry.position)
        self.watcher.landed(landing)

    def _entry(self, landed: Sequence[Landing]) -> Entry:
        assert self._followed is not None and self._shards is not None
        newest = {**self._followed, **{one.stream: one.number for one in landed}}
        after = _position(self._number - 1, self._followed, self._shards)
        position = _position(self._number, newest, self._shards)
        return Entry(self.stream, self._number, after, position, _rows(landed), "")


def _stream(index: int) -> str:
    return f"live:{index}"


def _position(number: int, newest: Mapping[str, int], shards: _Shards) -> Position:
    """The position of a live stream: its own number, and the newest batch of every lane that it has followed."""
    return Position(number, 0, json.dumps({"lanes": newest, "shards": shards.count, "since": shards.since}))


def _shards(position: Position) -> _Shards:
    tree = json.loads(position.state)
    return _Shards(tree["shards"], tree["since"])


def _vector(position: Position) -> dict[str, int]:
    found: dict[str, int] = json.loads(position.state)["lanes"]
    return found


def _first_rows(landed: Sequence[Landing]) -> Sequence[Landing]:
    """As many of them as make a step, in the order of their lanes, at least one."""
    rows = 0
    for place, one in enumerate(landed):
        rows += one.row_count
        if rows > ENOUGH_ROWS:
            return landed[: place + 1]
    return landed


def _rows(landed: Sequence[Landing]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in landed:
        for table, count in one.row_counts.items():
            counts[table] = counts.get(table, 0) + count
    return counts


def _joined(entry: Entry, landed: Sequence[Landing], seconds: float) -> Landing:
    """What the page is told: the batches as if they had been one."""
    firsts = [one.committed_first_at for one in landed if one.committed_first_at]
    lasts = [one.committed_last_at for one in landed if one.committed_last_at]
    return Landing(
        stream=entry.stream,
        number=entry.number,
        position=entry.position,
        row_counts=entry.row_counts,
        transaction_count=sum(one.transaction_count for one in landed),
        committed_first_at=min(firsts, default=None),
        committed_last_at=max(lasts, default=None),
        landed_at=datetime.now(UTC),
        seconds=seconds,
    )
