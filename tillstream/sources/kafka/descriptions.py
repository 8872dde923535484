"""The tables that our own messages follow, by the id in their header; read from the store's topic of descriptions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tillstream.change import Table
from tillstream.errors import StreamError
from tillstream.kafka.connection import KafkaSettings, told, translated
from tillstream.kafka.tables import table_from
from tillstream.sources.kafka.session import consumer_of

# A transaction's messages can be read a moment earlier in one topic than in another.
_PATIENCE = 20.0
_AT_ONCE = 1000


class Descriptions:
    """Looks an id up, and reads on in the topic when it is a new one. May be asked from several threads."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._known: dict[str, Table] = {}
        self._newest: dict[str, Table] = {}
        self._lock = threading.Lock()
        self._consumer: Consumer | None = None
        self._next = 0

    def table(self, identifier: str) -> Table:
        """The table of that id. StreamError when nobody described it."""
        known = self._known.get(identifier)
        if known is not None:
            return known
        give_up_at = time.monotonic() + _PATIENCE
        with self._lock:
            while identifier not in self._known:
                if not self._read_on() and time.monotonic() > give_up_at:
                    raise self._unknown(identifier)
        return self._known[identifier]

    def newest(self) -> Sequence[Table]:
        """Each described table as it was described last."""
        with self._lock:
            while self._read_on():
                pass
            return [self._newest[name] for name in sorted(self._newest)]

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None

    def _read_on(self) -> int:
        """Read what the topic has got since. Returns how many descriptions came."""
        name = self._settings.names.tables
        with translated(self._settings):
            if self._consumer is None:
                self._consumer = consumer_of(self._settings, "descriptions")
            found = self._consumer.list_topics(name, timeout=_PATIENCE).topics.get(name)
            if found is None or found.error is not None or not found.partitions:
                time.sleep(0.2)
                return 0
            if not self._consumer.assignment():
                low, _ = self._consumer.get_watermark_offsets(TopicPartition(name, 0), timeout=_PATIENCE)
                self._consumer.assign([TopicPartition(name, 0, max(low, self._next))])
            return self._to_the_end(self._consumer)

    def _to_the_end(self, consumer: Consumer) -> int:
        count = 0
        _, end = consumer.get_watermark_offsets(TopicPartition(self._settings.names.tables, 0), timeout=_PATIENCE)
        give_up_at = time.monotonic() + _PATIENCE
        while self._next < end:
            for message in consumer.consume(_AT_ONCE, 0.2):
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise told(error, self._settings)
                self._next = max(self._next, (message.offset() or 0) + (error is None))
                count += error is None and self._learned(message.key(), message.value())
            if time.monotonic() > give_up_at:
                break
        return count

    def _learned(self, key: bytes | None, value: bytes | None) -> bool:
        if key is None or value is None:
            return False
        try:
            table = table_from(value)
        except (ValueError, KeyError, TypeError) as error:
            raise StreamError(
                f'topic "{self._settings.names.tables}" has a description that can\'t be read',
                detail=f"Its key is {json.dumps(key.decode(errors='replace'))}.",
                hint="Was it written by another program, or by a newer version of tillstream?",
            ) from error
        self._known[key.decode()] = table
        self._newest[table.full_name] = table
        return True

    def _unknown(self, identifier: str) -> StreamError:
        return StreamError(
            f'nothing describes the table "{identifier}" that messages speak of',
            detail=f'Topic "{self._settings.names.tables}" holds {len(self._known)} descriptions, and not this one.',
            hint="Was that topic emptied? `till resync` reads the store anew and describes its tables again.",
        )
