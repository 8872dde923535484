"""Who does what when several processes share the work: every lane has one owner, by Kafka's own group protocol.

The lanes topic holds nothing. It has a partition for each lane, and whoever the group gives a partition to owns the
lane of that number, until the group takes it back or has not heard of the process for too long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic  # type: ignore[attr-defined]  # its stubs hide them

from tillstream.errors import LaneLost
from tillstream.kafka.connection import LOGGER, PATIENCE, KafkaSettings, told, translated

# After so many seconds without a sign of life somebody else gets a process's lanes. Brokers allow no less than six.
SILENCE = 10.0
# How long a lane's work may take to come to the end of a batch.
ORDERLY = 60.0
LOOK_EVERY = 0.1


class Lease(threading.Event):
    """Set when a lane's work has to end; also when the group has not been heard of for so long that it may be over."""

    def __init__(self, heard_at: Callable[[], float]) -> None:
        super().__init__()
        self._heard_at = heard_at

    def is_set(self) -> bool:
        return super().is_set() or time.monotonic() - self._heard_at() > SILENCE / 2

    def check(self) -> None:
        """Raise LaneLost when the lane may be somebody else's."""
        if self.is_set():
            raise LaneLost


@dataclass(eq=False)
class Lanes:
    """Runs `work(lane, lease)` in a thread for every lane that this process owns; it returns soon after the lease ends.

    `role` tells the groups apart that share the same lanes for different work.
    """

    settings: KafkaSettings
    role: str
    count: int
    work: Callable[[int, Lease], None]
    # How often lanes have come or gone.
    rebalance_count: int = field(default=0, init=False)
    _heard_at: float = field(default=0.0, init=False)
    _running: dict[int, tuple[threading.Thread, Lease]] = field(default_factory=dict, init=False)
    _failures: list[BaseException] = field(default_factory=list, init=False)

    @property
    def owned(self) -> list[int]:
        """The lanes that are this process's now."""
        return sorted(self._running)

    def run(self, stop: threading.Event) -> None:
        """Own lanes until `stop` is set. Raises what ended a lane's work early."""
        self._make_topic()
        consumer = Consumer(self._configuration(), logger=LOGGER)
        try:
            with translated(self.settings):
                topic = self.settings.names.lanes
                consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)
                while not stop.is_set() and not self._failures:
                    self._poll(consumer)
        finally:
            self._end(list(self._running))
            consumer.close()
        if self._failures:
            raise self._failures[0]

    def _poll(self, consumer: Consumer) -> None:
        message = consumer.poll(LOOK_EVERY)
        self._heard_at = time.monotonic()
        error = message.error() if message is not None else None
        if error is not None and (error.fatal() or not error.retriable()) and error.code() not in _PASSING:
            raise told(error, self.settings)

    def _assigned(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        consumer.incremental_assign(list(partitions))
        self._heard_at = time.monotonic()
        for one in partitions:
            if one.partition >= self.count:
                # There were more lanes once.
                continue
            lease = Lease(lambda: self._heard_at)
            name = f"till-{self.role}-{one.partition}"
            thread = threading.Thread(target=self._work, args=(one.partition, lease), name=name, daemon=True)
            self._running[one.partition] = thread, lease
            thread.start()
        self.rebalance_count += bool(partitions)

    def _revoked(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._end([one.partition for one in partitions])
        consumer.incremental_unassign(list(partitions))
        self.rebalance_count += bool(partitions)

    def _work(self, lane: int, lease: Lease) -> None:
        try:
            self.work(lane, lease)
        except LaneLost:
            # Whoever has it now ends what was begun.
            pass
        except BaseException as error:
            self._failures.append(error)

    def _end(self, lanes: Sequence[int]) -> None:
        """Ask for the end of these lanes' work, then wait for it."""
        ending = [self._running.pop(lane) for lane in lanes if lane in self._running]
        for _, lease in ending:
            lease.set()
        deadline = time.monotonic() + ORDERLY
        for thread, _ in ending:
            thread.join(max(deadline - time.monotonic(), 0.0))

    def _make_topic(self) -> None:
        name = self.settings.names.lanes
        with translated(self.settings):
            admin = AdminClient(self.settings.client("lanes"), logger=LOGGER)
            found = admin.list_topics(timeout=PATIENCE).topics.get(name)
            if found is None:
                self._created(admin.create_topics([NewTopic(name, self.count, self.settings.replication)])[name])
            elif len(found.partitions) < self.count:
                admin.create_partitions([NewPartitions(name, self.count)])[name].result(PATIENCE)

    def _created(self, answer: Any) -> None:
        try:
            answer.result(PATIENCE)
        except Exception as error:
            if not error.args or error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise

    def _configuration(self) -> dict[str, Any]:
        return self.settings.client(
            self.role,
            group_id=f"{self.settings.store}.{self.role}",
            partition_assignment_strategy="cooperative-sticky",
            session_timeout_ms=round(SILENCE * 1000),
            heartbeat_interval_ms=round(SILENCE * 100),
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )


_PASSING = (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._ALL_BROKERS_DOWN)
