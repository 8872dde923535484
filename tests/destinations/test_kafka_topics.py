"""Topics are made as the settings say, and what was there before is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]  # its stubs hide them

from tests.destinations.captured import settings_of
from tests.flow.histories import LINES, ORDERS
from tests.services.kafka import Kafka
from tillstream.destinations.kafka.topics import Topics
from tillstream.errors import StreamError


def configured(kafka: Kafka, topic: str, name: str) -> str:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    value: str = kafka.admin.describe_configs([resource])[resource].result(30)[name].value
    return value


def test_topics_have_what_the_settings_say(kafka: Kafka) -> None:
    settings = settings_of(kafka, partitions=3, replication=1, retention=timedelta(hours=2))
    topics = Topics(settings)
    for _ in range(2):
        topics.ensure([ORDERS, LINES])
        topics.ensure_own()

    own = [f"{kafka.prefix}.till.progress", f"{kafka.prefix}.till.tables"]
    assert kafka.topics() == [settings.names.topic(LINES), settings.names.topic(ORDERS), *own]
    assert topics.partition_count(settings.names.topic(ORDERS)) == 3
    assert configured(kafka, settings.names.topic(ORDERS), "retention.ms") == "7200000"
    assert [configured(kafka, name, "cleanup.policy") for name in own] == ["compact", "compact"]
    assert [topics.partition_count(name) for name in own] == [1, 1]
    assert all(finding.ok for finding in topics.check([ORDERS, LINES]))


def test_topics_that_were_there_are_left_alone_and_told(kafka: Kafka) -> None:
    kafka.topic("public.orders", partition_count=2, retention_ms="1000")
    topics = Topics(settings_of(kafka, partitions=3, replication=2))
    topics.ensure([ORDERS])

    (finding,) = topics.check([ORDERS, LINES])
    assert not finding.ok
    assert finding.message == (
        "was there before with 2 partitions, not 3, 1 copies, not 2, retention.ms 1000, not 604800000: left as it is"
    )
    assert topics.partition_count(f"{kafka.prefix}.public.orders") == 2


def test_more_copies_than_brokers_are_told(kafka: Kafka) -> None:
    settings = settings_of(kafka, replication=99)
    with pytest.raises(StreamError, match=r'topic ".*\.public\.orders" can\'t have 99 copies') as told:
        Topics(settings).ensure([ORDERS])
    assert "smaller `replication`" in told.value.hint
