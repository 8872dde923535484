"""Capture: from the store into the stream."""

from __future__ import annotations

from urllib.parse import urlsplit

from tillstream.assembly.store import open_source
from tillstream.assembly.stream import kafka_settings
from tillstream.destinations.kafka.destination import KafkaDestination
from tillstream.destinations.kafka.ledger import KafkaLedger
from tillstream.destinations.kafka.producing import Producing
from tillstream.flow.batcher import Batcher
from tillstream.flow.folder import Role
from tillstream.flow.pipeline import NoLayer, Pipeline
from tillstream.flow.supervisor import Supervisor
from tillstream.ledger import mark_complete
from tillstream.ports import Engine
from tillstream.settings import Settings
from tillstream.watch.events import Log


def open_capture(settings: Settings, url: str, engine: Engine, log: Log, role: Role | None) -> Supervisor:
    """What brings the store's changes into the topics; without a role as a part of another process."""
    source = open_source(settings, url)
    producing = Producing(kafka_settings(settings))
    destination = KafkaDestination(producing, engine, urlsplit(url).path.strip("/"))
    ledger = KafkaLedger(producing)
    pipeline = Pipeline(
        source,
        destination,
        ledger,
        NoLayer(),
        settings.stream.shown,
        batcher=Batcher(settings.batch),
        expected_rows=source.expected_rows,
        caught_up=lambda: mark_complete(ledger, source.name),
        close=destination.close,
    )
    return Supervisor(settings.folder, pipeline, log, role)
