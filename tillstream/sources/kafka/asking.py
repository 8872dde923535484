"""Questions to the cluster beside the reading: how far behind we are."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from confluent_kafka import Consumer

from tillstream.kafka.connection import KafkaSettings
from tillstream.ports import PartitionLag, SourceLag
from tillstream.sources.kafka.place import Partition, log_position
from tillstream.sources.kafka.session import consumer_of
from tillstream.sources.kafka.topics import Followed, ends


class Asking:
    """One consumer for questions, made when it is first needed, for one thread at a time."""

    def __init__(self, settings: KafkaSettings, followed: Followed) -> None:
        self._settings = settings
        self._followed = followed
        self._lock = threading.Lock()
        self._consumer: Consumer | None = None

    def lag(self, offsets: Mapping[Partition, int], *, is_reading: bool) -> SourceLag:
        """How far the partitions reach beyond those offsets. Offsets without a message are counted, too."""
        with self._lock:
            if self._consumer is None:
                self._consumer = consumer_of(self._settings, "lag")
            reach = {
                name: ends(self._consumer, name, self._settings) for name in self._followed.partitions(self._consumer)
            }
        partitions = tuple(
            PartitionLag(topic, number, max(high - offsets.get((topic, number), low), 0), high)
            for (topic, number), (low, high) in reach.items()
        )
        return SourceLag(
            behind_bytes=None,
            retained_bytes=None,
            budget_bytes=None,
            slot_state="active" if is_reading else "idle",
            log_end=log_position(high for _, high in reach.values()),
            behind_messages=sum(each.behind for each in partitions),
            partitions=partitions,
        )

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None
