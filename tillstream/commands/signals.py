"""SIGINT and SIGTERM: the first asks for an orderly end, the second for a quick one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """A second signal: leave now. What is left behind is put right by the next start."""


class Signals:
    """What the user asked for so far."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.number = 0
        self._count = 0

    def take(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        self._count += 1
        self.asked.set()
        # Only once: what is being put away then should be put away in peace.
        if self._count == 2:
            raise Interrupted


@contextmanager
def orderly() -> Iterator[Signals]:
    """Within the block, signals set `asked`; a second one raises Interrupted in the main thread."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, signals.take) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
