"""Reading one batch ahead: the source decodes while the destination writes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tillstream.change import Batch

DEPTH = 1


@contextmanager
def read_ahead(batches: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
    """The same batches, read by a thread of their own. Leaving the block closes `batches`.

    An error of the source comes out where the caller waits for the next batch.
    """
    waiting: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=DEPTH)
    left = threading.Event()

    def put(item: Batch | BaseException | None) -> None:
        while not left.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for batch in batches:
                put(batch)
                if left.is_set():
                    break
            put(None)
        except BaseException as error:  # noqa: BLE001  handed to the caller's thread
            put(error)
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()

    def items() -> Iterator[Batch]:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    reader = threading.Thread(target=work, name="till-reader", daemon=True)
    reader.start()
    try:
        yield items()
    finally:
        left.set()
        reader.join()
