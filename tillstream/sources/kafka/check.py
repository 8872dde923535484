"""What `till doctor` says about a cluster, its topics and our rights, without changing anything."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]  # hidden

from tillstream.errors import StreamError
from tillstream.kafka.connection import LOGGER, PATIENCE, KafkaSettings, told
from tillstream.ports import Finding
from tillstream.sources.kafka.place import Partition
from tillstream.sources.kafka.session import consumer_of
from tillstream.sources.kafka.topics import Followed, ends

_SHORT_RETENTION = 24 * 3600 * 1000
_SKEW_SECONDS = 5.0
# Of what a partition holds: more than that unread, and it may be thrown away before it is read.
_FAR_BEHIND = 0.5

Configs = Mapping[str, Mapping[str, str]]


def findings(settings: KafkaSettings, followed: Followed, offsets: Mapping[Partition, int]) -> list[Finding]:
    """Every check's result, good or bad. `offsets` are how far we have read, where we have."""
    with closing(consumer_of(settings, "doctor")) as consumer:
        try:
            cluster = consumer.list_topics(timeout=PATIENCE)
            partitions = followed.partitions(consumer)
        except KafkaException as error:
            return [_failed("brokers", told(error.args[0], settings))]
        except StreamError as error:
            return [_failed("topics", error)]
        brokers = Finding("brokers", True, f'{len(cluster.brokers)} at "{settings.bootstrap}"')
        if not partitions:
            hint = f'Are they named after the store, as "{settings.store}.public.orders"? `till capture` makes them.'
            return [brokers, Finding("topics", False, "none is there to be read", hint)]
        topics = sorted({topic for topic, _ in partitions})
        try:
            return [
                brokers,
                Finding("topics", True, f"{len(topics)} with {len(partitions)} partitions"),
                *_copies(cluster, topics, _configs(settings, topics)),
                *_unread(consumer, settings, offsets or dict.fromkeys(partitions, 0), is_known=bool(offsets)),
                _group(consumer, settings, partitions),
                *_clock(consumer, settings, partitions),
            ]
        except StreamError as error:
            return [brokers, _failed("topics", error)]


def _failed(subject: str, error: StreamError) -> Finding:
    return Finding(subject, False, f"{error.message}: {error.detail}" if error.detail else error.message, error.hint)


def _configs(settings: KafkaSettings, topics: list[str]) -> Configs:
    """The topics' own settings; those that we may not see are left out."""
    admin = AdminClient(settings.client("doctor"), logger=LOGGER)
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in topics])
    found = {}
    for resource, answer in asked.items():
        try:
            found[resource.name] = {name: entry.value for name, entry in answer.result(PATIENCE).items()}
        except (KafkaException, TimeoutError):
            continue
    return found


def _copies(cluster: Any, topics: list[str], configs: Configs) -> Iterator[Finding]:
    """Whether each topic survives a broker, can be written while one is away, and is kept for long enough."""
    several = len(cluster.brokers) > 1
    for name in topics:
        partitions = cluster.topics[name].partitions.values()
        subject, config = f'topic "{name}"', configs.get(name, {})
        copies = min(len(partition.replicas) for partition in partitions)
        in_sync = min(len(partition.isrs) for partition in partitions)
        least = int(config.get("min.insync.replicas") or 1)
        retention = int(config.get("retention.ms") or -1)
        if any(partition.leader < 0 for partition in partitions):
            yield Finding(subject, False, "a partition has no leader", "Is a broker down?")
        elif in_sync < least:
            hint = "Is a broker down? Until it is back nothing can be written."
            yield Finding(subject, False, f"{in_sync} of {copies} copies are in sync, {least} are needed", hint)
        elif several and copies == 1:
            yield Finding(subject, False, "has one copy: with its broker its messages are lost", _more_copies(name))
        elif copies > 1 and least >= copies:
            hint = f"Set min.insync.replicas of the topic to {copies - 1}."
            yield Finding(subject, False, f"needs all its {copies} copies: one broker away stops capture", hint)
        elif 0 < retention < _SHORT_RETENTION and "compact" not in config.get("cleanup.policy", ""):
            hours = retention / 3_600_000
            hint = "Raise retention.ms of the topic; `[stream] retention` is for topics that are not there yet."
            yield Finding(subject, False, f"keeps {hours:.1f} h: a loader that stops for longer loses its place", hint)
        else:
            yield Finding(subject, True, f"{copies} copies, {in_sync} in sync; {_largest(config)}")


def _largest(config: Mapping[str, str]) -> str:
    size = config.get("max.message.bytes")
    return f"messages of up to {int(size) / (1 << 20):.1f} MiB" if size else "its settings may not be seen"


def _more_copies(topic: str) -> str:
    return f"kafka-reassign-partitions.sh gives {topic} more; `[stream] replication` is for topics not there yet."


def _unread(
    consumer: Consumer, settings: KafkaSettings, offsets: Mapping[Partition, int], *, is_known: bool
) -> Iterator[Finding]:
    """Whether what we have not read is still there, and likely to stay until we have."""
    behind = 0
    for (topic, number), offset in offsets.items():
        low, high = ends(consumer, (topic, number), settings)
        left = max(high - max(offset, low), 0)
        behind += left
        if not is_known:
            continue
        if offset < low or offset > high:
            message = f"partition {number} holds {low} to {high}, and is to be read from {offset} on"
            yield Finding(f'topic "{topic}"', False, message, "`till resync` reads the store anew.")
        elif low > 0 and left > (high - low) * _FAR_BEHIND:
            hint = "Is a loader running? Raise retention.ms of the topic until it has caught up."
            yield Finding(f'topic "{topic}"', False, f"{left:,} of {high - low:,} messages are unread", hint)
    if is_known:
        yield Finding("lag", True, f"{behind:,} messages")
    else:
        yield Finding("rights", True, f"{behind:,} messages can be read")


def _group(consumer: Consumer, settings: KafkaSettings, partitions: list[Partition]) -> Finding:
    subject = f'group "{settings.names.group}"'
    try:
        consumer.committed([TopicPartition(*name) for name in partitions[:1]], timeout=PATIENCE)
    except KafkaException as error:
        return _failed(subject, told(error.args[0], settings))
    return Finding(subject, True, "may be used to show how far we are")


def _clock(consumer: Consumer, settings: KafkaSettings, partitions: list[Partition]) -> Iterator[Finding]:
    """Whether the newest message of the fullest partition is from the future."""
    reach = {name: ends(consumer, name, settings) for name in partitions}
    name, (low, high) = max(reach.items(), key=lambda item: item[1][1] - item[1][0])
    if high == low:
        return
    consumer.assign([TopicPartition(*name, high - 1)])
    found = [message for message in consumer.consume(1, 2.0) if message.error() is None]
    consumer.unassign()
    if not found:
        # The last offset is a transaction's end.
        return
    ahead = found[0].timestamp()[1] / 1000 - time.time()
    if ahead > _SKEW_SECONDS:
        hint = "Let brokers, capture and this machine follow the same time (chrony, ntpd)."
        yield Finding("clock", False, f'the newest message of "{name[0]}" is {ahead:.0f} s ahead of our clock', hint)
    else:
        yield Finding("clock", True, "no message is from the future")
