"""What a capture left in a store's topics, as a reader of committed messages sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from tests.flow.log import Log
from tests.services.kafka import Kafka
from tillstream.change import Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.destinations.kafka.destination import KafkaDestination
from tillstream.destinations.kafka.ledger import KafkaLedger
from tillstream.destinations.kafka.producing import Producing
from tillstream.kafka.connection import KafkaSettings

LETTERS = {"R": "r", "I": "c", "U": "u", "D": "d", "T": "t"}
# What tells a row from every other: where it was written, what was done, and its key.
Place = tuple[int, int, str, str | None]


@dataclass
class Capture:
    """A capture's parts, as one process has them."""

    settings: KafkaSettings
    engine: Warehouse
    producing: Producing = field(init=False)
    ledger: KafkaLedger = field(init=False)
    destination: KafkaDestination = field(init=False)

    def __post_init__(self) -> None:
        self.producing = Producing(self.settings)
        self.ledger = KafkaLedger(self.producing)
        self.destination = KafkaDestination(self.producing, Workbench(self.engine), "db")

    def again(self) -> Self:
        """Another process of the same store."""
        return type(self)(self.settings, self.engine)


def settings_of(kafka: Kafka, **more: Any) -> KafkaSettings:
    """A store of this test's own."""
    return KafkaSettings(kafka.bootstrap, kafka.prefix, **more)


def committed(settings: KafkaSettings, topic: str) -> list[Message]:
    """Every committed message of a topic, partition after partition."""
    found: list[Message] = []
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap,
            "group.id": settings.store,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )
    try:
        for partition in sorted(consumer.list_topics(topic, timeout=30).topics[topic].partitions):
            consumer.assign([TopicPartition(topic, partition, 0)])
            while (message := consumer.poll(30)) is not None and message.error() is None:
                found.append(message)
            error = message.error() if message is not None else None
            assert error is not None and error.code() == KafkaError._PARTITION_EOF, error
    finally:
        consumer.close()
    return found


def envelopes(settings: KafkaSettings, topic: str) -> list[dict[str, Any]]:
    """The values of a topic, without tombstones."""
    return [json.loads(value) for message in committed(settings, topic) if (value := message.value()) is not None]


def places(settings: KafkaSettings, table: Table) -> list[Place]:
    """The rows of a table's topic, in order."""
    found = []
    for message in committed(settings, settings.names.topic(table)):
        key, value = message.key(), message.value()
        if value is not None:
            envelope = json.loads(value)
            source = envelope["source"]
            found.append((source["lsn"], source["ordinal"], envelope["op"], key.decode() if key else None))
    return found


def written(log: Log, table: Table) -> list[Place]:
    """The rows that a log has of a table, whose key is of integers."""
    found: list[Place] = []
    for of, data in log.snapshot:
        if of == table:
            assert not table.key
            found += [(log.slot_lsn, place, "r", None) for place in range(data.count(b"\n"))]
    for rows in log.transactions:
        before = (-1, -1, "")
        for of, row in rows:
            if of != table:
                continue
            has_moved = row.op == "U" and before == (row.lsn, row.ordinal - 1, "D")
            key = ",".join(f'"{name}":{row.texts[name]}' for name in table.key)
            letter = "c" if has_moved else LETTERS[row.op]
            found.append((row.lsn, row.ordinal, letter, f"{{{key}}}" if key and row.op != "T" else None))
            before = (row.lsn, row.ordinal, row.op)
    return found
