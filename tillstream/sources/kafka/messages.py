"""Messages as columns, and how many of them make a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from confluent_kafka import Message

from tillstream.kafka.names import OLD_KEY_HEADER, TABLE_HEADER
from tillstream.sources.kafka.place import Partition


@dataclass(slots=True)
class Messages:
    """Messages of one topic in the order they came: that of the offsets in each partition."""

    topic: str
    partitions: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    # Milliseconds since 1970, -1 where there is none.
    times: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    # What the table's header says; None for messages that are not ours.
    tables: list[str | None] = field(default_factory=list)
    # Whether the row had another key before: what is created under the new one was there already.
    moved: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, found: Sequence[Message]) -> int:
        """Take messages of this topic in. Returns how many bytes they have."""
        values = [message.value() for message in found]
        keys = [message.key() for message in found]
        self.values += values
        self.keys += keys
        self.partitions += [message.partition() or 0 for message in found]
        self.offsets += [message.offset() or 0 for message in found]
        self.times += [message.timestamp()[1] for message in found]
        headers: list[Any] = [message.headers() for message in found]
        self.tables += [_table(each) for each in headers]
        self.moved += [each is not None and len(each) > 1 and _has_moved(each) for each in headers]
        return sum(map(len, filter(None, values))) + sum(map(len, filter(None, keys)))

    def before(self, until: Mapping[Partition, int]) -> Messages:
        """Those before these offsets."""
        ends = [until[self.topic, partition] for partition in self.partitions]
        kept = [offset < end for offset, end in zip(self.offsets, ends, strict=True)]
        if all(kept):
            return self
        lists = (self.partitions, self.offsets, self.times, self.keys, self.values, self.tables, self.moved)
        return Messages(self.topic, *(list(compress(values, kept)) for values in lists))  # type: ignore[arg-type]

    @staticmethod
    def joined(parts: Sequence[Messages]) -> Messages:
        """Messages of one topic, one part after the other."""
        whole = Messages(parts[0].topic)
        for part in parts:
            whole.partitions += part.partitions
            whole.offsets += part.offsets
            whole.times += part.times
            whole.keys += part.keys
            whole.values += part.values
            whole.tables += part.tables
            whole.moved += part.moved
        return whole


def _has_moved(headers: Any) -> bool:
    return any(name == OLD_KEY_HEADER for name, _ in headers)


def _table(headers: Any) -> str | None:
    for name, value in headers or ():
        if name == TABLE_HEADER and value is not None:
            return str(value, "ascii", "replace")
    return None
