"""Which topics and partitions there are, and from where to where they reach."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tillstream.errors import TopicTruncated
from tillstream.kafka.connection import PATIENCE, KafkaSettings, told, translated
from tillstream.sources.kafka.place import Partition

# What a partition says that is new, or whose leader changes, and for how long it is asked again, in seconds.
_SETTLING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)
_TRIES, _PAUSE = 10, 0.2


@dataclass(frozen=True, slots=True)
class Followed:
    """The topics that one lane follows: every one named after the store, and `named` ones."""

    settings: KafkaSettings
    named: Collection[str] = ()
    lane: int = 0
    lanes: int = 1

    def follows(self, topic: str) -> bool:
        """Whether a topic of that name is read."""
        return topic in self.named or re.match(self.settings.names.pattern, topic) is not None

    def partitions(self, consumer: Consumer) -> list[Partition]:
        """The lane's partitions that are there now, in order."""
        with translated(self.settings):
            found = consumer.list_topics(timeout=PATIENCE).topics
        partitions = []
        for name, topic in found.items():
            if not self.follows(name):
                continue
            if topic.error is not None and topic.error.code() != KafkaError.LEADER_NOT_AVAILABLE:
                raise told(topic.error, self.settings)
            partitions += [(name, number) for number in topic.partitions if number % self.lanes == self.lane]
        return sorted(partitions)


def ends(consumer: Consumer, partition: Partition, settings: KafkaSettings) -> tuple[int, int]:
    """The first offset a partition holds, and the one behind the last that can be read: open transactions can't."""
    for _ in range(_TRIES):
        try:
            return _ends(consumer, partition)
        except KafkaException as error:
            if error.args[0].code() not in _SETTLING:
                raise told(error.args[0], settings) from error
        time.sleep(_PAUSE)
    with translated(settings):
        return _ends(consumer, partition)


def _ends(consumer: Consumer, partition: Partition) -> tuple[int, int]:
    low, high = consumer.get_watermark_offsets(TopicPartition(*partition), timeout=PATIENCE)
    return low, high


def truncated(partition: Partition, wanted: int, held: tuple[int, int]) -> TopicTruncated:
    """The error for an offset that the partition has no more."""
    topic, number = partition
    low, high = held
    if wanted > high:
        message = f'topic "{topic}" ends before what was read of it'
        detail = (
            f"Partition {number} was read up to offset {wanted} and now ends at {high}: "
            "it was deleted and made anew, or lost its newest messages."
        )
    else:
        message = f'messages of topic "{topic}" are gone that were not read yet'
        detail = f"Partition {number} was to be read from offset {wanted} on; the first it still holds is {low}."
    return TopicTruncated(
        message,
        detail=detail,
        hint="Nothing is skipped. `till resync` reads the store anew; a longer `[stream] retention` leaves more time.",
    )


def missing(topics: Collection[str]) -> TopicTruncated:
    """The error for topics that are no longer there."""
    first, *rest = sorted(topics)
    return TopicTruncated(
        f'topic "{first}" is gone',
        detail=f"It was deleted, with {len(rest)} others." if rest else "It was deleted.",
        hint="Nothing is skipped. Was it deleted by mistake, or for good? `till resync` reads the store anew.",
    )


def lags(offsets: Mapping[Partition, int], reached: Mapping[Partition, int]) -> dict[Partition, int]:
    """How many offsets lie ahead in each partition."""
    return {name: max(end - offsets.get(name, 0), 0) for name, end in reached.items()}
