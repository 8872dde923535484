"""The ledger of capture: how far a store was read stands beside the messages, in the same transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tillstream.change import Position
from tillstream.destinations.kafka.producing import Producing
from tillstream.destinations.kafka.topics import Topics
from tillstream.errors import StreamError, StreamUnreachable
from tillstream.kafka.connection import LOGGER, PATIENCE, KafkaSettings, told, translated
from tillstream.ledger import Entry, Landing

# Records that are looked through first, from the end; ten times as many when the stream's is not among them.
_FIRST_LOOK = 1000
_NOT_LED = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
# In seconds, between two looks whether somebody leads it.
_PAUSE = 0.05


class KafkaLedger:
    """Implements `tillstream.ledger.Ledger`: an entry is begun, written and done as one transaction.

    So nothing is ever pending: what was not done is not there.
    """

    def __init__(self, producing: Producing) -> None:
        self._producing = producing
        self._topics = Topics(producing.settings)
        self._done: dict[str, Entry | None] = {}

    def last_done(self, stream: str) -> Entry | None:
        """The newest batch that is complete. From here on no other process can complete one."""
        settings = self._producing.settings
        self._producing.take_over()
        self._topics.ensure_own()
        with translated(settings), consumer(settings, "progress") as reader:
            if not _is_there(reader, settings.names.progress):
                # It was seen a moment ago. To take this for a beginning would read the whole store again.
                raise StreamUnreachable(
                    f'topic "{settings.names.progress}" is not known to every broker', hint="It is tried again."
                )
            self._done[stream] = _newest(reader, settings, stream)
        return self._done[stream]

    def last_number(self, stream: str) -> int:
        """The highest number of a complete batch; others left nothing behind."""
        done = self._done[stream] if stream in self._done else last_done(self._producing.settings, stream)
        return done.number if done else 0

    def pending(self, stream: str) -> Entry | None:  # noqa: ARG002
        """None."""
        return None

    def intend(self, entry: Entry) -> None:  # noqa: ARG002
        """Begin a transaction."""
        self._topics.ensure_own()
        self._producing.begin()

    def staged(self, entry: Entry) -> None:
        """Nothing follows the topics here."""

    def done(self, entry: Entry, landing: Landing) -> None:  # noqa: ARG002
        """Record how far the store was read, and make it visible together with the rows."""
        settings = self._producing.settings
        self._producing.send(settings.names.progress, record(entry), entry.stream.encode(), [])
        self._producing.commit()
        self._done[entry.stream] = entry

    def abandon(self, entry: Entry) -> None:  # noqa: ARG002
        """Throw away what was written."""
        self._producing.abort()


def last_done(settings: KafkaSettings, stream: str) -> Entry | None:
    """The newest complete batch of a stream; None where nothing was captured yet. Anybody may ask."""
    with translated(settings), consumer(settings, "progress") as reader:
        return _newest(reader, settings, stream) if _is_there(reader, settings.names.progress) else None


def _is_there(reader: Consumer, topic: str) -> bool:
    return reader.list_topics(topic, timeout=PATIENCE).topics[topic].error is None


def _newest(reader: Consumer, settings: KafkaSettings, stream: str) -> Entry | None:
    topic = settings.names.progress
    low, high = _ends(reader, topic)
    look, upto = _FIRST_LOOK, high
    while upto > low:
        begin = max(low, high - look)
        found = latest(reader, topic, settings, begin).get(stream.encode())
        if found is not None:
            return _entry(stream, found, topic)
        upto, look = begin, look * 10
    return None


def _ends(reader: Consumer, topic: str) -> tuple[int, int]:
    """Where the topic begins and ends; a new one is led by nobody for a moment."""
    give_up_at = time.monotonic() + PATIENCE
    while True:
        try:
            low, high = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE)
        except KafkaException as error:
            if error.args[0].code() not in _NOT_LED or time.monotonic() > give_up_at:
                raise
            time.sleep(_PAUSE)
        else:
            return low, high


@contextmanager
def consumer(settings: KafkaSettings, role: str) -> Iterator[Consumer]:
    """A consumer of what is committed, to be given partitions by hand."""
    config = settings.client(
        role,
        group_id=settings.names.group,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_partition_eof=True,
    )
    reader = Consumer(config, logger=LOGGER)
    try:
        yield reader
    finally:
        reader.close()


def latest(reader: Consumer, topic: str, settings: KafkaSettings, begin: int = 0) -> dict[bytes, bytes]:
    """The last value of each key in a compacted topic, from an offset to the end."""
    values: dict[bytes, bytes] = {}
    reader.assign([TopicPartition(topic, 0, begin)])
    while True:
        message = reader.poll(PATIENCE)
        if message is None:
            raise told(KafkaError(KafkaError._TIMED_OUT, f'nothing was heard of topic "{topic}"'), settings)
        said = message.error()
        if said is not None and said.code() == KafkaError._PARTITION_EOF:
            return values
        if said is not None:
            raise told(said, settings)
        key, value = message.key(), message.value()
        if key is not None and value is not None:
            values[bytes(key)] = bytes(value)
        elif key is not None:
            values.pop(bytes(key), None)


def record(entry: Entry) -> bytes:
    """What stands in the progress topic for a batch that is done."""
    tree = {
        "number": entry.number,
        **_spelled(entry.position),
        "rows": entry.row_counts,
        "after": _spelled(entry.after) if entry.after else None,
        "digest": entry.digest,
    }
    return json.dumps(tree, ensure_ascii=False).encode()


def _spelled(position: Position) -> dict[str, Any]:
    return {"lsn": position.lsn, "ordinal": position.ordinal, "state": position.state}


def _entry(stream: str, record: bytes, topic: str) -> Entry:
    try:
        tree = json.loads(record)
        after = _position(tree["after"]) if tree["after"] else None
        return Entry(stream, tree["number"], after, _position(tree), tree["rows"], tree["digest"])
    except (ValueError, KeyError, TypeError) as error:
        raise StreamError(
            f'topic "{topic}" holds something else than progress',
            detail=f'The newest record of stream "{stream}" can\'t be read.',
            hint="Does another program write there? Give this store another name: `[stream] store` in till.toml.",
        ) from error


def _position(tree: Mapping[str, Any]) -> Position:
    return Position(tree["lsn"], tree["ordinal"], tree["state"])
