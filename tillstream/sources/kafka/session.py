"""One consumer with its partitions: messages in large pieces, and how far each partition has been read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from itertools import groupby
from types import TracebackType

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tillstream.errors import StreamUnreachable
from tillstream.kafka.connection import LOGGER, KafkaSettings, told
from tillstream.settings import BatchSettings
from tillstream.sources.kafka.messages import Messages
from tillstream.sources.kafka.place import Partition
from tillstream.sources.kafka.topics import ends, truncated

# Before it is known how large messages are, so many are taken at a time; and never more than the other number.
_FIRST, _MOST = 500, 20_000
_LOST = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)


def consumer_of(settings: KafkaSettings, role: str = "load") -> Consumer:
    """A consumer that reads what is committed, commits nothing by itself and never chooses an offset by itself."""
    return Consumer(
        settings.client(
            role,
            group_id=settings.names.group,
            enable_auto_commit="false",
            auto_offset_reset="error",
            isolation_level="read_committed",
            enable_partition_eof="true",
        ),
        logger=LOGGER,
    )


class Session(AbstractContextManager["Session"]):
    """Reads partitions from given offsets. `offsets` moves with what was handed out."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.consumer = consumer_of(settings)
        self.offsets: dict[Partition, int] = {}
        self._settings = settings
        self._average = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(KafkaException, RuntimeError):
            self.consumer.close()

    def assign(self, offsets: Mapping[Partition, int]) -> None:
        """Read these partitions, too, from those offsets on."""
        fresh = {name: offset for name, offset in offsets.items() if name not in self.offsets}
        if fresh:
            self.consumer.incremental_assign([TopicPartition(*name, offset) for name, offset in fresh.items()])
            self.offsets |= fresh

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Fetch no more of these partitions."""
        self.consumer.pause([TopicPartition(*name) for name in partitions])

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Tell the group how far we are. Nothing depends on it, so nothing is waited for."""
        with suppress(KafkaException):
            self.consumer.commit(
                offsets=[TopicPartition(*name, offset) for name, offset in offsets.items()], asynchronous=True
            )

    def gather(self, limits: BatchSettings, patience: float) -> list[Messages]:
        """What comes, by topic, until a limit is reached. Nothing for `patience` seconds: nothing is returned."""
        gathered: dict[str, Messages] = {}
        rows = bytes_ = 0
        full_at = float("inf")
        waiting = time.monotonic() + patience
        while rows < limits.rows and bytes_ < limits.bytes:
            now = time.monotonic()
            left = (full_at if rows else waiting) - now
            if left <= 0:
                break
            count = 1 if not rows else self._piece(limits.rows - rows, limits.bytes - bytes_)
            size, taken = self._take(count, left, gathered)
            if taken and not rows:
                full_at = time.monotonic() + limits.age.total_seconds()
            rows, bytes_ = rows + taken, bytes_ + size
            if rows:
                self._average = bytes_ // rows
        return list(gathered.values())

    def _piece(self, rows: int, bytes_: int) -> int:
        return max(1, min(rows, _MOST, bytes_ // self._average if self._average else _FIRST))

    def _take(self, count: int, seconds: float, gathered: dict[str, Messages]) -> tuple[int, int]:
        try:
            found = self.consumer.consume(count, seconds)
        except KafkaException as error:
            raise told(error.args[0], self._settings) from error
        size = taken = 0
        # Other topics lie between; their messages stay in order.
        for is_error, run in groupby(found, key=lambda message: message.error() is not None):
            messages = list(run)
            if is_error:
                for message in messages:
                    self._heard(message)
                continue
            taken += len(messages)
            size += self._sort(messages, gathered)
        return size, taken

    def _sort(self, messages: list[Message], gathered: dict[str, Messages]) -> int:
        size = 0
        for topic, run in groupby(messages, key=Message.topic):
            assert topic is not None
            of_topic = gathered.get(topic)
            if of_topic is None:
                of_topic = gathered[topic] = Messages(topic)
            several = list(run)
            size += of_topic.add(several)
            for message in several:
                self.offsets[topic, message.partition() or 0] = (message.offset() or 0) + 1
        return size

    def _heard(self, message: Message) -> None:
        """What the consumer says besides messages: that a partition ends here, or what is wrong."""
        error = message.error()
        assert error is not None
        name, offset = (message.topic() or "", message.partition() or 0), message.offset() or 0
        if error.code() == KafkaError._PARTITION_EOF:
            self.offsets[name] = max(self.offsets.get(name, 0), offset)
        elif error.code() in _LOST:
            low, high = ends(self.consumer, name, self._settings)
            if not low <= offset <= high:
                raise truncated(name, offset, (low, high))
            raise StreamUnreachable(f'topic "{name[0]}" can\'t be read at the moment', detail=error.str())
        elif error.code() == KafkaError._ALL_BROKERS_DOWN or error.fatal() or not error.retriable():
            raise _translated(error, self._settings)


def _translated(error: KafkaError, settings: KafkaSettings) -> Exception:
    if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION):
        # Whether the topic is gone, or only not known everywhere yet, shows when its partitions are looked at again.
        return StreamUnreachable(
            f'a topic or partition is not known to the Kafka cluster at "{settings.bootstrap}"', detail=error.str()
        )
    return told(error, settings)
