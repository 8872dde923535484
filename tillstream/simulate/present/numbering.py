"""Ids that the simulator gives itself, out of blocks that the database's sequences have set aside for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

_BLOCK = 1_000_000
_SMALL_BLOCK = 10_000  # for ids of four bytes
# More than two groups of transactions can use up, whatever they are.
_ENOUGH = 5_000


@dataclass(slots=True)
class _Block:
    sequence: str
    size: int
    following: int
    end: int


class Numbers:
    """The next id of each table, without asking the server for each.

    Rows that others insert meanwhile get ids beyond the block, so neither side meets the other's.
    """

    def __init__(self, connection: psycopg.Connection[Any], tables: tuple[str, ...]) -> None:
        self._blocks: dict[str, _Block] = {}
        for table in tables:
            row = connection.execute(
                "select pg_get_serial_sequence(%s, 'id'), atttypid = 'int'::regtype from pg_attribute"
                " where attrelid = %s::regclass and attname = 'id'",
                [table, table],
            ).fetchone()
            sequence, is_small = row if row is not None else (None, False)
            block = _Block(str(sequence), _SMALL_BLOCK if is_small else _BLOCK, 0, 0)
            self._blocks[table] = block
            self._reserve(connection, table, block)

    def next(self, table: str) -> int:
        """An id that no other row of the table has."""
        block = self._blocks[table]
        number = block.following
        if number > block.end:
            raise RuntimeError(f"ids of {table} ran out before they were replenished")
        block.following += 1
        return number

    def replenish(self, connection: psycopg.Connection[Any]) -> None:
        """Reserve more where few are left."""
        for table, block in self._blocks.items():
            if block.end - block.following < _ENOUGH:
                self._reserve(connection, table, block)

    def give_back(self, connection: psycopg.Connection[Any]) -> None:
        """Return what was not used, unless somebody took ids beyond it."""
        for block in self._blocks.values():
            connection.execute(
                sql.SQL("select setval({}, {}) from {} where last_value = {}").format(
                    sql.Literal(block.sequence),
                    sql.Literal(max(block.following - 1, 1)),
                    sql.SQL(block.sequence),
                    sql.Literal(block.end),
                )
            )

    def _reserve(self, connection: psycopg.Connection[Any], table: str, block: _Block) -> None:
        row = connection.execute(
            sql.SQL(
                "select setval({sequence}, greatest(nextval({sequence}) - 1, (select max(id) from {table})) + {size})"
            ).format(sequence=sql.Literal(block.sequence), table=sql.Identifier(table), size=sql.Literal(block.size))
        ).fetchone()
        block.end = int(row[0]) if row is not None else 0
        block.following = block.end - block.size + 1
