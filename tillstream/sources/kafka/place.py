"""How far each partition has been read: what a position says besides its order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tillstream.change import Position

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Place:
    """The offset of the next message of each partition.

    `until` is where the partitions ended at the first start, while that is not reached: what was there before counts
    as the snapshot. `tables` are descriptions of tables that were inferred, by their topic: what a column was once
    taken for it stays, whoever reads on.
    """

    offsets: Mapping[Partition, int] = field(default_factory=dict)
    until: Mapping[Partition, int] | None = None
    tables: Mapping[str, str] = field(default_factory=dict)

    @property
    def caught_up(self) -> bool:
        """Whether everything that was there at the first start has been read; where nothing was, it is awaited."""
        if self.until is None:
            return True
        return bool(self.offsets) and all(self.offsets.get(name, 0) >= end for name, end in self.until.items())

    def moved(self, offsets: Mapping[Partition, int], tables: Mapping[str, str] | None = None) -> Place:
        """The place after reading up to those offsets; the other partitions stay where they are."""
        return replace(self, offsets={**self.offsets, **offsets}, tables=self.tables if tables is None else tables)

    def position(self, number: int) -> Position:
        """The place as a position: the snapshot's with that number, or the log's."""
        state: dict[str, Mapping[str, object]] = {"offsets": _spelled(self.offsets)}
        if self.until is not None:
            state["until"] = _spelled(self.until)
        if self.tables:
            state["tables"] = self.tables
        text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
        if self.until is not None:
            return Position(0, number, text)
        return Position(log_position(self.offsets.values()), 0, text)


def log_position(offsets: Iterable[int]) -> int:
    """The log position that those next offsets stand for. It is never 0, which would be a snapshot's."""
    return 1 + sum(offsets)


def place_from(position: Position) -> Place:
    """The place that a position carries."""
    state = json.loads(position.state)
    until = state.get("until")
    return Place(_read(state["offsets"]), None if until is None else _read(until), state.get("tables", {}))


def _spelled(offsets: Mapping[Partition, int]) -> dict[str, int]:
    return {f"{topic}/{partition}": offset for (topic, partition), offset in sorted(offsets.items())}


def _read(spelled: Mapping[str, int]) -> dict[Partition, int]:
    offsets = {}
    for name, offset in spelled.items():
        topic, _, partition = name.rpartition("/")
        offsets[topic, int(partition)] = offset
    return offsets
