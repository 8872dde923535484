"""Reading one batch ahead: the source decodes while the destination writes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")
DEPTH = 1


class _End:
    """What follows the last item: the error that ended them, or none."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class ReadAhead(AbstractContextManager[Iterator[Item]], Generic[Item]):
    """The same items, read by a thread of their own. Leaving the block closes the generator behind them.

    An error of the generator comes out where the caller waits for the next item.
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._waiting: queue.Queue[Item | _End] = queue.Queue(maxsize=DEPTH)
        self._left = threading.Event()
        self._reader = threading.Thread(target=self._read, name="till-reader", daemon=True)

    def __enter__(self) -> Iterator[Item]:
        self._reader.start()
        return self._received()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._left.set()
        self._reader.join()

    def _received(self) -> Iterator[Item]:
        while not isinstance(item := self._waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def _read(self) -> None:
        try:
            self._hand_over()
        except BaseException as error:
            self._put(_End(error))
        else:
            self._put(_End())

    def _hand_over(self) -> None:
        with closing(self._items) as items:  # type: ignore[type-var]  # generators have close
            for item in items:
                self._put(item)
                if self._left.is_set():
                    return

    def _put(self, item: Item | _End) -> None:
        while not self._left.is_set():
            try:
                self._waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return
