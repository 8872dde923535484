"""What a position says besides its order: how far a snapshot got, and what the log must not repeat."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tillstream.change import Position


@dataclass(frozen=True, slots=True)
class Place:
    """How far a snapshot got.

    `done` are finished tables; `table` is the one that is being read, up to the row with `key`.
    `floors`: a table without a key that was read at a later point than the log starts at must not
    take the log's rows from before that point a second time.
    `log` is where the log goes on after the snapshot, when that is not the slot's start.
    """

    done: tuple[str, ...] = ()
    table: str = ""
    key: tuple[str, ...] = ()
    floors: Mapping[str, int] = field(default_factory=dict)
    log: tuple[int, int] | None = None

    def finished(self, table: str) -> Place:
        return replace(self, done=(*self.done, table), table="", key=())

    def position(self, number: int) -> Position:
        """The place as the snapshot position with that number."""
        state = {"done": self.done, "table": self.table, "key": self.key, "floors": dict(self.floors), "log": self.log}
        return Position(0, number, json.dumps(state, ensure_ascii=False))


def place_from(position: Position | None) -> Place:
    """The place that a snapshot position carries."""
    if position is None or not position.state:
        return Place()
    state = json.loads(position.state)
    return Place(
        done=tuple(state["done"]),
        table=state["table"],
        key=tuple(state["key"]),
        floors=state["floors"],
        log=tuple(state["log"]) if state["log"] else None,
    )


def floors_from(position: Position) -> tuple[tuple[str, int], ...]:
    """The floors that a position carries, whether of a snapshot or of the log."""
    if not position.state:
        return ()
    return tuple(sorted(json.loads(position.state).get("floors", {}).items()))


def with_floors(position: Position, floors: Iterable[tuple[str, int]]) -> Position:
    """The position, carrying those floors that lie ahead of it."""
    ahead = {table: floor for table, floor in floors if floor > position.lsn}
    return replace(position, state=json.dumps({"floors": ahead}) if ahead else "")
