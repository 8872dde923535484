"""A real store and its whole pipeline with a real broker in between: capture, topics, load, warehouse, verification."""

from __future__ import annotations

import threading

from tests.integration.whole import DEADLINE, Whole
from tests.live.shop import Shop
from tests.services.kafka import Kafka
from tests.services.postgres import Database
from tillstream.assembly.stream import Meeting
from tillstream.change import Position
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.destinations.kafka.destination import KafkaDestination
from tillstream.destinations.kafka.ledger import KafkaLedger
from tillstream.destinations.kafka.producing import Producing
from tillstream.flow.pipeline import NoLayer
from tillstream.flow.pump import Pump, Watcher
from tillstream.kafka.connection import KafkaSettings
from tillstream.ledger import mark_complete
from tillstream.sources.kafka.source import KafkaSource
from tillstream.sources.kafka.topics import Followed


class Streamed(Whole):
    """The demo store's schema, empty, followed through topics of several partitions into every layer."""

    def __init__(self, database: Database, shop: Shop, kafka: Kafka, partitions: int = 3) -> None:
        self.settings = KafkaSettings(kafka.bootstrap, kafka.prefix, partitions=partitions)
        super().__init__(database, shop)
        self.capture, self._destination = self._capturing_pump(shop)
        self._capturing = threading.Thread(target=self._follow, args=[self.capture], daemon=True)

    def start(self) -> None:
        """Pump until `stop`."""
        self._capturing.start()
        super().start()

    def stop(self) -> None:
        """End both pumps and let go of the store."""
        self._stop.set()
        self.capture.gate.close()
        self._capturing.join(DEADLINE)
        super().stop()
        self._destination.close()
        self.pump.source.close()

    def _capturing_pump(self, shop: Shop) -> tuple[Pump, KafkaDestination]:
        producing = Producing(self.settings)
        destination = KafkaDestination(producing, Workbench(shop.warehouse), "store")
        ledger = KafkaLedger(producing)
        pump = Pump(self.source, destination, ledger, NoLayer())
        pump.before_stream = lambda: mark_complete(ledger, pump.stream)
        return pump, destination

    def _loading(self, database: Database, shop: Shop, watcher: Watcher) -> Pump:
        topics = KafkaSource(self.settings, Workbench(shop.warehouse))
        pump = Pump(topics, shop.destination, ClickHouseLedger(shop.warehouse), shop.layer, watcher=watcher)
        self.meeting = Meeting(database.url, self.source.settings.slot, Followed(self.settings), self.source.name)
        pump.advance_before = self.meeting.advance(pump)
        return pump

    def _landed_before(self, position: Position, lsn: int) -> bool:
        return self.meeting.landed_before(position, lsn)
