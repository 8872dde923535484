"""What there is of a store in a cluster: its topics, and how far the warehouse has read them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs hide them
    AdminClient,
    ConfigResource,
    ResourceType,
)

from tillstream.kafka.connection import LOGGER, PATIENCE, KafkaSettings, translated
from tillstream.sources.kafka.place import Partition
from tillstream.sources.kafka.session import consumer_of
from tillstream.sources.kafka.topics import Followed, ends


@dataclass(frozen=True, slots=True)
class TopicView:
    """One topic.

    `messages` counts offsets, among them the marks of transactions. `retention` is None for a topic that keeps the
    newest message of each key for ever, `lag` for what no loader reads.
    """

    name: str
    partitions: int
    copies: int
    messages: int
    retention: timedelta | None
    lag: int | None


def overview(followed: Followed) -> list[TopicView]:
    """The topics of the store and those it follows, by name."""
    settings = followed.settings
    with closing(consumer_of(settings, "topics")) as consumer, translated(settings):
        found = consumer.list_topics(timeout=PATIENCE).topics
        own = f"{settings.store}."
        names = sorted(name for name in found if followed.follows(name) or name.startswith(f"{own}till."))
        kept = _retention(settings, names)
        views = []
        for name in names:
            partitions = found[name].partitions
            reach = {(name, number): ends(consumer, (name, number), settings) for number in partitions}
            views.append(
                TopicView(
                    name,
                    len(partitions),
                    min((len(each.replicas) for each in partitions.values()), default=0),
                    sum(high - low for low, high in reach.values()),
                    kept.get(name),
                    _lag(consumer, reach) if followed.follows(name) else None,
                )
            )
    return views


def _lag(consumer: Consumer, reach: Mapping[Partition, tuple[int, int]]) -> int:
    committed = consumer.committed([TopicPartition(*name) for name in reach], timeout=PATIENCE)
    lag = 0
    for each in committed:
        low, high = reach[each.topic, each.partition]
        lag += high - max(each.offset, low)
    return lag


def _retention(settings: KafkaSettings, names: list[str]) -> dict[str, timedelta]:
    admin = AdminClient(settings.client("topics"), logger=LOGGER)
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names]) if names else {}
    kept = {}
    for resource, answer in asked.items():
        config = answer.result(PATIENCE)
        if "delete" in config["cleanup.policy"].value and int(config["retention.ms"].value) >= 0:
            kept[resource.name] = timedelta(milliseconds=int(config["retention.ms"].value))
    return kept
