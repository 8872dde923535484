"""Relation messages: what the log says about a table before its first row, and after each change of it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tillstream.change import Table


@dataclass(frozen=True, slots=True)
class WireColumn:
    """A column as the log announces it. `identifies` is true for a part of the replica identity."""

    name: str
    identifies: bool
    type_id: int
    modifier: int


@dataclass(frozen=True, slots=True)
class WireRelation:
    """A table as the log announces it. `identity` is d(efault), f(ull), i(ndex) or n(othing)."""

    id: int
    schema: str
    name: str
    identity: str
    columns: tuple[WireColumn, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table in one version of its columns. `kept` are the places, in the log's tuples, of the table's columns."""

    table: Table
    width: int
    kept: tuple[int, ...]

    @property
    def keeps_all(self) -> bool:
        return len(self.kept) == self.width

    @property
    def key_places(self) -> list[int]:
        """Where the key's columns are among the kept ones."""
        names = [column.name for column in self.table.columns]
        return [names.index(name) for name in self.table.key if name in names]


def parse_relation(message: bytes) -> WireRelation:
    """Read an `R` message, from its type byte on."""
    (identifier,) = struct.unpack_from(">I", message, 1)
    schema, name, rest = message[5:].split(b"\0", 2)
    identity, (count,), rest = chr(rest[0]), struct.unpack_from(">H", rest, 1), rest[3:]
    columns = []
    for _ in range(count):
        flags = rest[0]
        column, _, rest = rest[1:].partition(b"\0")
        type_id, modifier = struct.unpack_from(">Ii", rest)
        rest = rest[8:]
        columns.append(WireColumn(column.decode(), bool(flags & 1), type_id, modifier))
    # The server leaves out the name of its own catalog.
    return WireRelation(identifier, schema.decode() or "pg_catalog", name.decode(), identity, tuple(columns))


class Relations:
    """The tables of the log by their id, in their newest version. `describe` looks up what the log leaves out."""

    def __init__(self, describe: Callable[[WireRelation], Relation]) -> None:
        self._describe = describe
        self._messages: dict[int, bytes] = {}
        self._known: dict[int, Relation] = {}

    def learn(self, message: bytes) -> tuple[int, Relation]:
        """Take note of a relation message. One that says nothing new changes nothing."""
        identifier = int.from_bytes(message[1:5], "big")
        if self._messages.get(identifier) != message:
            relation = self._describe(parse_relation(message))
            if relation != self._known.get(identifier):
                self._known[identifier] = relation
            self._messages[identifier] = message
        return identifier, self._known[identifier]

    def get(self, identifier: int) -> Relation | None:
        """The newest version that is known."""
        return self._known.get(identifier)
