"""Whether capture is still in its snapshot, by the progress it records: what it writes meanwhile is ours, too."""

from __future__ import annotations

import json
import time
from contextlib import closing

from confluent_kafka import Consumer, TopicPartition

from tillstream.kafka.connection import PATIENCE, KafkaSettings, translated
from tillstream.sources.kafka.session import consumer_of

# A snapshot writes more often than this, in seconds. One that was broken off rests.
REST = 2.0
# Behind the last record there may be marks of transactions.
_LOOK_BACK = 20


class Capturing:
    """Watches a store's capture until its snapshot is whole, or does not grow any more."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._seen = -1
        self._look_at = 0.0
        self._is_done = False

    def is_done(self) -> bool:
        """Whether everything of the snapshot is in the topics; true as well where nobody of ours captures."""
        if not self._is_done and time.monotonic() >= self._look_at:
            offset, lsn = self._newest()
            self._is_done = offset < 0 or lsn > 0 or offset == self._seen
            self._seen, self._look_at = offset, time.monotonic() + REST
        return self._is_done

    def _newest(self) -> tuple[int, int]:
        """Offset and log position of the newest record; an offset below zero when there is none."""
        topic = self._settings.names.progress
        with closing(consumer_of(self._settings, "progress")) as consumer, translated(self._settings):
            found = consumer.list_topics(topic, timeout=PATIENCE).topics[topic]
            if found.error is not None:
                return -1, 0
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE)
            place = max(low, high - _LOOK_BACK)
            consumer.assign([TopicPartition(topic, 0, place)])
            return _last_record(consumer, high)


def _last_record(consumer: Consumer, end: int) -> tuple[int, int]:
    place, newest = -1, (-1, 0)
    give_up_at = time.monotonic() + PATIENCE
    while place < end and time.monotonic() < give_up_at:
        for message in consumer.consume(_LOOK_BACK, 1.0):
            offset, value, is_record = message.offset() or 0, message.value(), message.error() is None
            place = max(place, offset + is_record)
            if is_record and value is not None:
                newest = (offset, int(json.loads(value)["lsn"]))
    return newest
