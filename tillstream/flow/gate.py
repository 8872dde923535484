"""The pump's gate: lets others hold the flow between two batches, or at an exact log position."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import pyarrow.compute as pc

from tillstream.change import Batch, Changes, Position, TabSeparated
from tillstream.flow.batcher import together


class Cut(Protocol):
    """A place at which batches are parted."""

    def part(self, batch: Batch) -> tuple[Batch | None, Batch | None]:
        """What of the batch is before the place, and what is not; None for a side without anything."""
        ...

    def reached(self, batch: Batch) -> bool:
        """Whether nothing is before the place any more, of a batch that has nothing before it."""
        ...


@dataclass(frozen=True, slots=True)
class LogCut:
    """Just before a position of a log whose changes come in its order."""

    lsn: int

    def part(self, batch: Batch) -> tuple[Batch | None, Batch | None]:
        """The changes before the position, and those from there on."""
        return split_before(batch, self.lsn)

    def reached(self, _batch: Batch) -> bool:
        """Always: what comes later in the log is later."""
        return True

    def __str__(self) -> str:
        return f"position {self.lsn}"


class Gate:
    """Open by default. While held, the pump waits before its next batch."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._held = 0
        self._limit: Cut | None = None
        self._reached = threading.Event()
        self._inside = False
        self._closed = False
        # Behind the limit, while more that is before it may come.
        self._kept: Batch | None = None

    @contextmanager
    def hold(self, timeout: float = 60.0) -> Iterator[Gate]:
        """Keep the pump between two batches while the block runs. TimeoutError if it does not get there."""
        with self._turn:
            self._held += 1
            if not self._turn.wait_for(lambda: not self._inside, timeout):
                self._held -= 1
                raise TimeoutError("the pump did not finish its batch in time")
        try:
            yield self
        finally:
            with self._turn:
                self._held -= 1
                self._limit = None
                self._turn.notify_all()

    def advance_before(self, lsn: int, timeout: float = 60.0) -> None:
        """While holding: let the pump take every change with a position before `lsn`, and no other."""
        self.advance(LogCut(lsn), timeout)

    def advance(self, cut: Cut, timeout: float = 60.0) -> None:
        """While holding: let the pump take every change before the cut, and no other."""
        with self._turn:
            self._limit = cut
            self._reached.clear()
            self._turn.notify_all()
        if not self._reached.wait(timeout):
            raise TimeoutError(f"the pump did not reach {cut} in {timeout:.0f} s")

    def close(self) -> None:
        """Let the pump through for good; it is stopping."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()

    def begin(self) -> None:
        """The pump reads anew from what has landed: what was kept back comes again."""
        self._kept = None

    def pieces(self, batch: Batch) -> Iterator[Batch]:
        """The batch, whole or cut at the limit of whoever holds the gate; waits where it must.

        What is behind the limit may be kept back and come with the next batch, in which more is that is before it.
        The pump is inside the gate from the moment a piece is handed out until it asks for the next.
        """
        rest: Batch | None = batch if self._kept is None else together(self._kept, batch)
        self._kept = None
        while rest is not None:
            piece, rest = self._next(rest)
            if piece is None:
                self._kept = rest
                return
            try:
                yield piece
            finally:
                with self._turn:
                    self._inside = False
                    self._turn.notify_all()

    def _next(self, batch: Batch) -> tuple[Batch | None, Batch | None]:
        with self._turn:
            while self._held and not self._closed:
                if (let_through := self._within_limit(batch)) is not None:
                    return let_through
                self._turn.wait(0.5)
            self._inside = True
            return batch, None

    def _within_limit(self, batch: Batch) -> tuple[Batch | None, Batch | None] | None:
        """What the holder lets through, and the rest; None while that is nothing."""
        if self._limit is None:
            return None
        head, tail = self._limit.part(batch)
        if head is not None:
            self._inside = True
            return head, tail
        if not self._limit.reached(batch):
            return None, batch
        # Tells the holder once nothing before the limit is left.
        self._limit = None
        self._reached.set()
        return None


def split_before(batch: Batch, lsn: int) -> tuple[Batch | None, Batch | None]:
    """The batch's changes before `lsn` and those from there on; None for a side without any.

    A batch without rows stays whole: on the side its position is on.
    """
    if batch.position.lsn < lsn:
        return batch, None
    heads: list[Changes] = []
    tails: list[Changes] = []
    last_before = 0
    for changes in batch.changes:
        if isinstance(changes.rows, TabSeparated):
            return None, batch
        before = pc.less(changes.rows.column("_till_lsn"), lsn)
        head = changes.rows.filter(before)
        tail = changes.rows.filter(pc.invert(before))
        if head.num_rows:
            heads.append(Changes(changes.table, head))
            last_before = max(last_before, pc.max(head.column("_till_lsn")).as_py())
        if tail.num_rows:
            tails.append(Changes(changes.table, tail))
    if not heads:
        return None, batch
    middle = Position(last_before, 2**32 - 1, batch.position.state)
    first = replace(batch, position=middle, changes=tuple(heads))
    if not tails:
        return first, None
    second = replace(batch, after=middle, changes=tuple(tails), transaction_count=0, refused=())
    return first, second
