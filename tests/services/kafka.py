"""Kafka for tests: one broker per test process, topics of their own for each test; three brokers to be killed."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its stubs hide it

from tests.services.broker import Cluster
from tests.services.jvm import jvm_or_skip

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Kafka:
    """A cluster, and a prefix for what one test makes in it: as good as a cluster of its own."""

    bootstrap: str
    prefix: str
    admin: AdminClient

    def topic(self, name: str = "rows", partition_count: int = 1, **settings: str) -> str:
        """Create a topic and return its whole name. Settings are the topic's, with _ for a dot."""
        whole = f"{self.prefix}.{name}"
        config = {key.replace("_", "."): value for key, value in settings.items()}
        made = self.admin.create_topics([NewTopic(whole, partition_count, config=config)])
        made[whole].result(PATIENCE_SECONDS)
        return whole

    def topics(self) -> list[str]:
        """The topics of this test."""
        seen = self.admin.list_topics(timeout=PATIENCE_SECONDS).topics
        return sorted(name for name in seen if name.startswith(f"{self.prefix}."))

    def producer(self, **settings: Any) -> Producer:
        """A producer; settings are librdkafka's, with _ for a dot."""
        return Producer({"bootstrap.servers": self.bootstrap, **_dotted(settings)})

    def consumer(self, **settings: Any) -> Consumer:
        """A consumer that begins at the beginning and sees only what is committed."""
        usual = {"group.id": f"{self.prefix}.test", "auto.offset.reset": "earliest", "enable.auto.commit": False}
        return Consumer({"bootstrap.servers": self.bootstrap, **usual, **_dotted(settings)})

    def messages(self, *topics: str, count: int, seconds: float = PATIENCE_SECONDS) -> list[Message]:
        """The first messages of topics, once that many are there."""
        consumer = self.consumer()
        found: list[Message] = []
        deadline = time.monotonic() + seconds
        try:
            # Without a group: nobody has to agree on who reads what.
            consumer.assign([each for topic in topics for each in self._partitions(topic, deadline)])
            while len(found) < count and time.monotonic() < deadline:
                found += consumer.consume(count - len(found), timeout=0.2)
        finally:
            consumer.close()
        problems = [message.error() for message in found if message.error()]
        assert not problems, problems
        assert len(found) == count, f"{len(found)} of {count} messages came within {seconds:.0f} s"
        return found

    def _partitions(self, topic: str, deadline: float) -> list[TopicPartition]:
        while time.monotonic() < deadline:
            if topic in self.topics():
                seen = self.admin.list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic]
                return [TopicPartition(topic, number, OFFSET_BEGINNING) for number in seen.partitions]
            time.sleep(0.02)
        raise AssertionError(f"there is no topic {topic}: {self.topics()}")


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a cluster answers: the one of KAFKA_BOOTSTRAP, or a broker of this process."""
    existing = os.environ.get("KAFKA_BOOTSTRAP")
    if existing:
        yield existing
        return
    with Cluster(tmp_path_factory.mktemp("kafka"), jvm_or_skip()) as cluster:
        yield cluster.bootstrap


@pytest.fixture
def kafka(kafka_server: str) -> Iterator[Kafka]:
    kafka = _part_of(kafka_server)
    yield kafka
    left = kafka.topics()
    if left:
        kafka.admin.delete_topics(left)


@pytest.fixture(scope="session")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("brokers"), jvm_or_skip(256), broker_count=3) as cluster:
        yield cluster


@pytest.fixture
def cluster(three_brokers: Cluster) -> Cluster:
    """Three brokers, whole when the test begins. It may kill, freeze and start them."""
    three_brokers.heal()
    return three_brokers


@pytest.fixture
def replicated(cluster: Cluster) -> Kafka:
    """What a test makes in the three brokers: three copies of everything, two of them for a write."""
    return _part_of(cluster.bootstrap)


def _part_of(bootstrap: str) -> Kafka:
    return Kafka(bootstrap, f"t{uuid.uuid4().hex[:10]}", AdminClient({"bootstrap.servers": bootstrap, "log_level": 2}))


def _dotted(settings: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "."): value for name, value in settings.items()}
