"""The parts that a supervisor brings together, open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tillstream.change import Batch, Position
from tillstream.flow.batcher import Batcher
from tillstream.ledger import Ledger
from tillstream.ports import Destination, Layer, Source


class Service(Protocol):
    """Something that serves the page while the pipeline runs."""

    def start(self) -> str:
        """Answer requests from now on; returns the address."""
        ...

    def stop(self) -> None:
        """Close every connection and stop listening."""
        ...


class NoLayer:
    """Implements `ports.Layer` where nothing follows what arrives."""

    ready = False

    def stage(self, number: int, batch: Batch) -> None:
        """Never called: it is not ready."""

    def publish(self, number: int) -> None:
        """Never called, either."""

    def reconcile(self, number: int) -> int:  # noqa: ARG002  as the port has it
        """Nothing to mend."""
        return 0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The parts of a pipeline, open. `assembly.py` makes real ones."""

    source: Source
    destination: Destination
    ledger: Ledger
    layer: Layer
    warehouse: str
    batcher: Batcher = field(default_factory=Batcher)
    # Waits for what has to be there before the first batch is read, unless the event is set.
    ready: Callable[[threading.Event], None] = lambda _stop: None
    # Called at each start between the snapshot, or what was read before, and the log.
    caught_up: Callable[[], None] = lambda: None
    # Builds the models that are not there yet; called between the snapshot and the log.
    deploy: Callable[[], None] | None = None
    # Whether everything before a position of the store's log has landed, once the pump is at its position.
    landed_before: Callable[[Position, int], bool] = lambda position, lsn: position.lsn >= lsn
    # The facts that rows of some tables, by warehouse name, can change.
    facts_of: Callable[[Collection[str]], Collection[str]] = lambda _tables: ()
    # Rows each table is thought to have, by warehouse name.
    expected_rows: Callable[[], Mapping[str, int]] = dict
    close: Callable[[], None] = lambda: None
