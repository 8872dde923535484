"""After `till resync` the topics are empty, and nobody knows how far the store was read."""

from __future__ import annotations

from contextlib import closing

from tests.services.kafka import Kafka
from tillstream.change import Position
from tillstream.destinations.kafka.ledger import KafkaLedger, last_done
from tillstream.destinations.kafka.producing import Producing
from tillstream.kafka.anew import forget
from tillstream.kafka.connection import KafkaSettings
from tillstream.ledger import Entry, Landing
from tillstream.sources.kafka.crossing import reach
from tillstream.sources.kafka.overview import overview
from tillstream.sources.kafka.topics import Followed


def test_what_was_captured_is_forgotten_and_capture_begins_anew(kafka: Kafka) -> None:
    settings = KafkaSettings(kafka.bootstrap, kafka.prefix)
    topic = kafka.topic("public.orders", partition_count=2)
    followed = Followed(settings)
    with closing(Producing(settings)) as producing:
        ledger = KafkaLedger(producing)
        assert ledger.last_done("postgres") is None
        done(ledger, 1, producing, topic)
        before = overview(followed)
        assert {view.name: view.lag for view in before}[topic] == sum(reach(followed).values())

        forget(settings, reach(followed), ["postgres"])

        assert last_done(settings, "postgres") is None
        assert next(view for view in overview(followed) if view.name == topic).messages == 0
        assert ledger.last_done("postgres") is None
        done(ledger, 2, producing, topic)
        assert ledger.last_done("postgres") == entry(2)
        assert next(view for view in overview(followed) if view.name == topic).messages > 0


def entry(number: int) -> Entry:
    return Entry("postgres", number, None, Position(number), {"orders": 2}, "digest")


def done(ledger: KafkaLedger, number: int, producing: Producing, topic: str) -> None:
    """A batch of a message in each partition."""
    ledger.intend(entry(number))
    for partition in (0, 1):
        producing.send(topic, b"{}", b"key", [], partition)
    ledger.done(entry(number), Landing("postgres", number, Position(number)))
