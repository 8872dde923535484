"""Loaders and live workers that share a store's lanes with other processes: this process's part of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from tillstream.assembly.inside import make_room, project_of
from tillstream.assembly.store import profile_of
from tillstream.assembly.stream import (
    agree_on_lanes,
    await_capture,
    engine_beside,
    kafka_settings,
    reading_settings,
    stream_name,
)
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger
from tillstream.errors import TillError
from tillstream.flow.batcher import Batcher
from tillstream.flow.pipeline import NoLayer
from tillstream.flow.pump import Pump, Watcher
from tillstream.kafka.lanes import Lanes, Lease
from tillstream.ledger import Landing, mark_complete
from tillstream.live.layer import LiveLayer
from tillstream.live.touched import Shard
from tillstream.live.worker import LiveWorker
from tillstream.models import deploy
from tillstream.settings import Settings
from tillstream.sources.kafka.source import KafkaSource
from tillstream.watch.events import LanesChanged, Log, TroubleBegan

# What capture calls the store's database.
POSTGRES = "postgres"


@dataclass(eq=False)
class Crew:
    """Works in the lanes that this process owns, from `start` to `stop`."""

    lanes: Lanes
    watcher: CrewWatcher
    warehouse: Warehouse
    log: Log
    failure: BaseException | None = field(default=None, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="till-lanes", daemon=True)

    def start(self) -> None:
        """Ask for a share of the lanes, and work in them."""
        self._thread.start()

    def look(self) -> list[int]:
        """The lanes that are ours; a change of them is logged. Raises what ended the work."""
        if self.failure is not None:
            raise self.failure
        owned = self.lanes.owned
        self.watcher.owned(owned)
        return owned

    def stop(self) -> None:
        """End in order: batches that were begun are ended, then others get the lanes."""
        self._stop.set()
        self._thread.join()
        self.warehouse.close()

    def _run(self) -> None:
        try:
            self.lanes.run(self._stop)
        except BaseException as error:
            self.failure = error


@dataclass(eq=False)
class CrewWatcher(Watcher):
    """Logs trouble and changes of owner, and counts what landed."""

    log: Log
    row_count: int = 0
    batch_count: int = 0
    _owned: list[int] = field(default_factory=list)
    _trouble: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def landed(self, landing: Landing) -> None:
        with self._lock:
            self.row_count += landing.row_count
            self.batch_count += 1

    def troubled(self, error: TillError | None) -> None:
        with self._lock:
            before, self._trouble = self._trouble, error.message if error else ""
        if error is not None and error.message != before:
            self.log(TroubleBegan(error.message, error.detail, error.hint))

    def owned(self, lanes: list[int]) -> None:
        """To be told now and then which lanes are ours."""
        if lanes != self._owned:
            self._owned = lanes
            self.log(LanesChanged(", ".join(map(str, lanes)) or "none"))


def loaders(settings: Settings, warehouse_url: str, log: Log) -> Crew:
    """From the topics' lanes into bronze and mirror."""
    warehouse, kafka, watcher = Warehouse(warehouse_url), kafka_settings(settings), CrewWatcher(log)
    engine, ledger, links = (
        engine_beside(warehouse),
        ClickHouseLedger(warehouse),
        profile_of(settings).linking_columns(),
    )
    agree_on_lanes(settings, ledger)

    def work(lane: int, lease: Lease) -> None:
        source = KafkaSource(kafka, engine, reading_settings(settings), lane, settings.stream.lanes)
        with closing(source), closing(ClickHouseDestination(warehouse, links, source.name)) as destination:
            pump = Pump(
                source,
                destination,
                ledger,
                NoLayer(),
                Batcher(settings.batch),
                watcher,
                before_stream=lambda: mark_complete(ledger, source.name),
                lane=lane,
                still_ours=lease.check,
            )
            if settings.source.kind != "kafka":
                await_capture(settings, POSTGRES, ledger, lease, lane)
            pump.run(lease)

    return Crew(Lanes(kafka, "loaders", settings.stream.lanes, work), watcher, warehouse, log)


def live_workers(settings: Settings, warehouse_url: str, log: Log) -> Crew:
    """From bronze and mirror into facts and rollups: as many shards as there are lanes."""
    warehouse, kafka, watcher = Warehouse(warehouse_url), kafka_settings(settings), CrewWatcher(log)
    engine, ledger, profile = engine_beside(warehouse), ClickHouseLedger(warehouse), profile_of(settings)
    project, lanes = project_of(settings, "", "", warehouse_url), settings.stream.lanes

    def deployment(layer: LiveLayer) -> Callable[[], None]:
        def build() -> None:
            with (
                closing(KafkaSource(kafka, engine, reading_settings(settings))) as source,
                closing(ClickHouseDestination(warehouse, {})) as destination,
            ):
                make_room(warehouse, source, destination)
            deploy(project, layer)

        return build

    def work(index: int, lease: Lease) -> None:
        with closing(LiveLayer(warehouse, profile, Shard(index, lanes))) as layer:
            worker = LiveWorker(
                layer,
                ledger,
                stream_name(settings).removesuffix("0"),
                lanes,
                lambda: layer.ready and layer.definitions.fingerprint == project.fingerprint(),
                deployment(layer),
                watcher,
            )
            worker.run(lease)

    return Crew(Lanes(kafka, "live", lanes, work), watcher, warehouse, log)
