"""One position of a store's log, found in its topics: where each partition passes it, and batches parted there.

Rows of one partition are in the order of the store's log; rows of two are not. So a position of the store is an offset
of each partition: what lies before these offsets is what the store held then.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import KafkaError, Message, TopicPartition

from tillstream.change import Batch, Changes, Position, Refused, TabSeparated
from tillstream.kafka.connection import KafkaSettings, told, translated
from tillstream.sources.kafka.place import Partition, Place, place_from
from tillstream.sources.kafka.session import consumer_of
from tillstream.sources.kafka.topics import Followed, ends

_PIECE = 5_000


def reach(followed: Followed) -> dict[Partition, int]:
    """Where each partition ends now, for a reader of what is committed."""
    settings = followed.settings
    with closing(consumer_of(settings, "reach")) as consumer:
        return {name: ends(consumer, name, settings)[1] for name in followed.partitions(consumer)}


def includes(position: Position, wanted: Mapping[Partition, int]) -> bool:
    """Whether the place has all that lies before these offsets."""
    offsets = place_from(position).offsets
    return all(offsets.get(name, 0) >= offset for name, offset in wanted.items())


@dataclass(frozen=True, slots=True)
class Crossing:
    """Implements `flow.gate.Cut`: rows of the store that are older than `lsn`, which are those before `offsets`.

    What does not come from the store is before it however it is numbered.
    """

    settings: KafkaSettings
    lsn: int
    offsets: Mapping[Partition, int]

    def part(self, batch: Batch) -> tuple[Batch | None, Batch | None]:
        """The rows and offsets before the crossing, and the rest."""
        begin, end = place_of(batch.after), place_from(batch.position)
        middle = {name: self._middle(name, begin, offset) for name, offset in end.offsets.items()}
        between = replace(end, offsets=middle).position(0)
        heads: list[Changes] = []
        tails: list[Changes] = []
        for changes in batch.changes:
            if isinstance(changes.rows, TabSeparated) or not self._is_ours(changes):
                heads.append(changes)
                continue
            before = pc.less(changes.rows.column("_till_lsn"), pa.scalar(self.lsn, pa.uint64()))
            heads += _kept(changes, before)
            tails += _kept(changes, pc.invert(before))
        if all(offset == begin.offsets.get(name, 0) for name, offset in middle.items()):
            return None, batch
        if middle == dict(end.offsets):
            return batch, None
        early = tuple(each for each in batch.refused if _offset(each) < middle.get(_partition(each), 0))
        late = tuple(each for each in batch.refused if each not in early)
        head = replace(batch, position=between, changes=tuple(heads), refused=early)
        return head, replace(batch, after=between, changes=tuple(tails), refused=late, transaction_count=0)

    def reached(self, batch: Batch) -> bool:
        """Whether every partition is where it passes the position."""
        begin = place_of(batch.after).offsets
        return all(begin.get(name, 0) >= offset for name, offset in self.offsets.items())

    def __str__(self) -> str:
        return f"position {self.lsn} of the store"

    def _middle(self, name: Partition, begin: Place, end: int) -> int:
        if not self._owns(name[0]):
            return end
        # A partition that was not there yet has only what is newer.
        return max(begin.offsets.get(name, 0), min(end, self.offsets.get(name, 0)))

    def _owns(self, topic: str) -> bool:
        return topic.startswith(f"{self.settings.store}.")

    def _is_ours(self, changes: Changes) -> bool:
        topic = self.settings.names.topic(changes.table)
        return any(name == topic for name, _ in self.offsets)


def crossing(followed: Followed, begin: Place, lsn: int, timeout: float) -> Crossing:
    """Where the partitions pass a position of the store that everything up to is in the topics.

    Looks through what lies between `begin` and the ends of the topics. TimeoutError if that is too much.
    """
    settings = followed.settings
    give_up_at = time.monotonic() + timeout
    found: dict[Partition, int] = {}
    with closing(consumer_of(settings, "crossing")) as consumer:
        high = {name: ends(consumer, name, settings)[1] for name in followed.partitions(consumer)}
        low = {name: begin.offsets.get(name, 0) for name, end in high.items() if begin.offsets.get(name, 0) < end}
        with translated(settings):
            consumer.assign([TopicPartition(*name, offset) for name, offset in low.items()])
        left = set(low)
        while left:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"position {lsn} was not found in the topics in {timeout:.0f} s")
            for name, offset in _passed(consumer.consume(_PIECE, 0.2), settings, high, lsn):
                found.setdefault(name, offset)
                left.discard(name)
    return Crossing(settings, lsn, {name: found.get(name, end) for name, end in high.items()})


def _passed(
    messages: Iterable[Message], settings: KafkaSettings, high: Mapping[Partition, int], lsn: int
) -> Iterator[tuple[Partition, int]]:
    """Partitions that pass the position with one of these messages, or end before, and where. Some come again."""
    for message in messages:
        name = (str(message.topic()), message.partition() or 0)
        said, offset = message.error(), message.offset() or 0
        if said is not None and said.code() != KafkaError._PARTITION_EOF:
            raise told(said, settings)
        if said is None and _lsn(message.value()) >= lsn:
            yield name, offset
        elif offset + (said is None) >= high[name]:
            yield name, high[name]


def place_of(position: Position | None) -> Place:
    """The place of a position; nothing read yet where there is none."""
    return Place() if position is None else place_from(position)


def _lsn(value: bytes | None) -> int:
    """The store's position of a message; 0 for one that says nothing of it, like a tombstone."""
    if value is None:
        return 0
    try:
        tree = json.loads(value)
        return int((tree.get("payload") or tree)["source"]["lsn"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0


def _partition(refused: Refused) -> Partition:
    return refused.origin, int(refused.position.partition(":")[0])


def _offset(refused: Refused) -> int:
    return int(refused.position.partition(":")[2])


def _kept(changes: Changes, mask: pa.ChunkedArray) -> list[Changes]:
    assert not isinstance(changes.rows, TabSeparated)
    rows = changes.rows.filter(mask)
    return [Changes(changes.table, rows)] if rows.num_rows else []
