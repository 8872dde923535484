"""The pipeline as users run it, put together by the product itself, with hooks for a stopwatch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tillstream.assembly.whole import Assembly, assemble, assemble_capture, assemble_load
from tillstream.config import load
from tillstream.ledger import Landing
from tillstream.watch.events import silent

PATIENCE = 600.0


class Stopwatch:
    """Adds up what has landed."""

    def __init__(self) -> None:
        self.row_count = 0
        self._changed = threading.Condition()

    def landed(self, landing: Landing) -> None:
        """To be called with every landing."""
        with self._changed:
            self.row_count += landing.row_count
            self._changed.notify_all()

    def wait_for(self, row_count: int) -> None:
        """Until that many rows have landed. TimeoutError after ten minutes."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.row_count >= row_count, PATIENCE):
                raise TimeoutError(f"{self.row_count} of {row_count} rows landed in {PATIENCE:.0f} s")


def opened(folder: Path, url: str) -> Assembly:
    """A folder's pipeline and page, not started."""
    folder.mkdir(parents=True, exist_ok=True)
    return assemble(load(folder, {"TILL_SOURCE_KIND": "postgres", "TILL_SOURCE_URL": url}), url, silent)


def opened_capture(folder: Path, url: str) -> Assembly:
    """The way from the store into the topics that a folder's settings name, not started."""
    return assemble_capture(load(folder, {}), url, silent)


def opened_load(folder: Path) -> Assembly:
    """The way from those topics into the folder's warehouse, not started."""
    return assemble_load(load(folder, {}), "", silent)


@contextmanager
def flowing(assembly: Assembly) -> Iterator[Stopwatch]:
    """The pipeline runs as long as the block; raises what ended it early."""
    stopwatch = Stopwatch()
    assembly.supervisor.listeners.append(stopwatch.landed)
    assembly.start()
    try:
        yield stopwatch
    finally:
        assembly.stop()
    assembly.supervisor.raise_failure()


def until(claim: Callable[[], bool], what: str) -> None:
    """Wait for it, looking every few milliseconds. TimeoutError after ten minutes."""
    deadline = time.monotonic() + PATIENCE
    while not claim():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.005)
