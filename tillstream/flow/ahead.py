"""Reading ahead: the source decodes while the destination writes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")


class ReadAhead(AbstractContextManager["ReadAhead[Item]"], Generic[Item]):
    """The same items, read by a thread of their own. Leaving the block closes the generator behind them.

    One item waits at a time. What arrives meanwhile is joined to it, as far as `join` allows.
    An error of the generator comes out where the caller waits for the next item.
    """

    def __init__(self, items: Iterator[Item], join: Callable[[Item, Item], Item | None] = lambda *_: None) -> None:
        self._items = items
        self._join = join
        self._turn = threading.Condition()
        self._waiting: deque[Item] = deque()
        self._error: BaseException | None = None
        self._ended = False
        self._left = False
        self._reader = threading.Thread(target=self._read, name="till-reader", daemon=True)

    def __enter__(self) -> ReadAhead[Item]:
        self._reader.start()
        return self

    def __iter__(self) -> ReadAhead[Item]:
        return self

    def __next__(self) -> Item:
        with self._turn:
            self._turn.wait_for(lambda: self._waiting or self._ended)
            if self._waiting:
                self._turn.notify_all()
                return self._waiting.popleft()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        raise StopIteration

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._turn:
            self._left = True
            self._turn.notify_all()
        self._reader.join()

    def gather(self, seconds: float, enough: Callable[[Item], bool]) -> None:
        """Give what waits that much time to grow, or until it is enough. Call it between two items."""
        with self._turn:
            self._turn.wait_for(lambda: self._ended or any(enough(item) for item in self._waiting), seconds)

    def _read(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    break
            if isinstance(self._items, Generator):
                self._items.close()
        except BaseException as error:
            self._error = error
        finally:
            with self._turn:
                self._ended = True
                self._turn.notify_all()

    def _put(self, item: Item) -> bool:
        """Leave an item for the caller; False when nobody wants any more."""
        with self._turn:
            if self._waiting and not self._left:
                both = self._join(self._waiting[-1], item)
                if both is not None:
                    self._waiting[-1] = both
                    self._turn.notify_all()
                    return True
            self._turn.wait_for(lambda: not self._waiting or self._left)
            if self._left:
                return False
            self._waiting.append(item)
            self._turn.notify_all()
            return True
