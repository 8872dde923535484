"""One transactional producer: what is sent is in the topics as a whole, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tillstream.errors import CaptureReplaced, StreamError, StreamRefused, StreamUnreachable
from tillstream.kafka.connection import LOGGER, PATIENCE, KafkaSettings, told

Headers = list[tuple[str, str | bytes | None]]

# What a user's own options may change.
_TUNING = {
    # Large transactions fill whole batches, which cost half; small ones wait for nothing: a commit sends what is left.
    "linger.ms": 50,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 500_000,
    "queue.buffering.max.kbytes": 262_144,
    # What a topic takes is the cluster's to say, of what is compressed.
    "message.max.bytes": 64 << 20,
    # Java's clients find a key's partition in the same way.
    "partitioner": "murmur2_random",
    # A capture that died holds readers up for so long, unless a new one takes over.
    "transaction.timeout.ms": 60_000,
}
# A cluster that does not answer is asked so often, in seconds, whether it has said anything against us.
_LOOK = 0.5
_LAST_WORD = 2.0
_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)


class Producing:
    """The producer of a store's capture. For one thread.

    Whatever fails ends the transaction and the producer with it; the next use begins with a new one, which takes over
    from any other of the same store.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self.is_open = False
        # How many transactions were begun and not committed: what was sent in them is not there.
        self.thrown_away = 0
        self._begun_at = 0.0
        self._producer: Producer | None = None
        # The first reason why a message was not delivered, and the last one why we may not come in.
        self._undelivered: KafkaError | None = None
        self._refused: KafkaError | None = None

    def take_over(self) -> None:
        """End what is open, here or in a process before this one, so that no other can write any more."""
        self.abort()
        self._ready()

    def begin(self) -> None:
        """Begin a transaction; one that is open is thrown away."""
        self.abort()
        producer = self._ready()
        with self._whole():
            producer.begin_transaction()
            self.is_open = True
            self._begun_at = time.monotonic()

    def send(self, topic: str, value: bytes | None, key: bytes | None, headers: Headers, partition: int = -1) -> None:
        """Send one message, to the key's partition unless another is named."""
        more = {} if partition < 0 else {"partition": partition}
        with self._whole():
            self._send_when_there_is_room(topic, value, key, headers=headers, **more)

    def send_all(self, topic: str, values: Sequence[bytes], keys: Sequence[bytes | None], headers: Headers) -> None:
        """Send messages that differ in key and value only."""
        producer = self._ready()
        produce = producer.produce
        with self._whole():
            for key, value in zip(keys, values, strict=True):
                try:
                    produce(topic, value, key, headers=headers)
                except BufferError:
                    self._send_when_there_is_room(topic, value, key, headers=headers)
            producer.poll(0)

    def flush(self) -> None:
        """Wait until the brokers have everything that was sent."""
        producer = self._ready()
        with self._whole():
            producer.flush(self._commit_patience)

    def commit(self) -> None:
        """Make what was sent visible, all of it at once."""
        producer = self._ready()
        with self._whole():
            self._insist(producer.commit_transaction, self._commit_patience)
            self.is_open = False

    def abort(self) -> None:
        """Throw away what was sent since `begin`; nothing to do when nothing is open."""
        if not self.is_open or self._producer is None:
            return
        try:
            self._producer.abort_transaction(PATIENCE)
            self.thrown_away += 1
            self.is_open = False
        except KafkaException:
            # A new producer throws it away when it takes over.
            self._let_go()

    def close(self) -> None:
        """Throw away what is open and let go of the connections."""
        self.abort()
        self._let_go()

    @property
    def _commit_patience(self) -> float:
        """In seconds: shorter than the cluster waits for a transaction's end."""
        return self._transaction_seconds / 2

    @property
    def _transaction_seconds(self) -> float:
        return float(self._tuned["transaction.timeout.ms"]) / 1000

    @property
    def _tuned(self) -> dict[str, Any]:
        return {name: self.settings.options.get(name, value) for name, value in _TUNING.items()}

    def _ready(self) -> Producer:
        if self._producer is None:
            self._undelivered = self._refused = None
            config = {
                **self.settings.client("capture", transactional_id=self.settings.names.transactional_id),
                **self._tuned,
                "delivery.report.only.error": True,
                "on_delivery": self._heard_of,
                "error_cb": self._heard,
            }
            self._producer = Producer(config, logger=LOGGER)
            with self._whole():
                self._insist(self._producer.init_transactions)
        return self._producer

    def _insist(self, act: Callable[[float], None], patience: float = PATIENCE) -> None:
        """Do what may take its time, until it is done or hopeless."""
        give_up_at = time.monotonic() + patience
        while True:
            try:
                act(_LOOK)
                return
            except KafkaException as error:
                assert self._producer is not None
                self._producer.poll(0)
                if self._refused or not error.args[0].retriable() or time.monotonic() > give_up_at:
                    raise

    def _send_when_there_is_room(self, *arguments: Any, **named: Any) -> None:
        producer = self._ready()
        while True:
            try:
                producer.produce(*arguments, **named)
                return
            except BufferError:
                # What can't be delivered is given up in time, so there is room one day.
                producer.poll(_LOOK)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A failure ends the transaction, and is told by its first reason."""
        try:
            yield
        except (KafkaException, SystemError) as error:
            trouble = told(self._refused or self._undelivered or self._reason(error), self.settings)
            took = time.monotonic() - self._begun_at
            is_late = self.is_open and took > self._transaction_seconds
            self._let_go()
            raise (_late(took, trouble) if is_late and isinstance(trouble, CaptureReplaced) else trouble) from error
        except BaseException:
            # A process that is told to stop leaves nothing open.
            self.abort()
            raise

    def _reason(self, error: KafkaException | SystemError) -> KafkaError:
        """What was said; where that is only that it is hopeless, a transaction's end tells why."""
        said = _said(error)
        if said.code() == KafkaError._FATAL and self._producer is not None:
            try:
                self._producer.commit_transaction(_LAST_WORD)
            except KafkaException as last:
                return cast(KafkaError, last.args[0])
        return said

    def _let_go(self) -> None:
        self.thrown_away += self.is_open
        producer, self._producer, self.is_open = self._producer, None, False
        if producer is not None:
            with suppress(KafkaException):
                producer.abort_transaction(_LAST_WORD)
            # Its threads end with it. `close` would try to abort once more, and warn that it can't.
            producer.purge()

    def _heard_of(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None and self._undelivered is None and error.code() not in _PURGED:
            self._undelivered = error

    def _heard(self, error: KafkaError) -> None:
        if isinstance(told(error, self.settings), StreamRefused):
            self._refused = error


def _said(error: KafkaException | SystemError) -> KafkaError:
    """The client library raises some errors while it still calls us back, which makes a SystemError of them."""
    inner = error if isinstance(error, KafkaException) else error.__cause__
    if not isinstance(inner, KafkaException):
        raise error
    said: KafkaError = inner.args[0]
    return said


def _late(took: float, trouble: StreamError) -> StreamUnreachable:
    """The cluster ends a transaction that lasts too long as if another process had taken over."""
    return StreamUnreachable(
        "a transaction lasted longer than the Kafka cluster waits for one",
        detail=f"It was open for {took:.0f} s. {trouble.detail}",
        hint="It is tried again. When that does not help, raise `transaction.timeout.ms` in `[stream] options`.",
    )
