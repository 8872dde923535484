"""Reading a source to a point, and what a mirror makes of what came."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import closing
from typing import Any, cast

import pyarrow as pa

from tillstream.change import META_SCHEMA, Batch, Changes, Position, Table, TabSeparated
from tillstream.ports import Source

DEADLINE_SECONDS = 30.0
Text = str | None
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def read_until(source: Source, lsn: int, after: Position | None = None) -> list[Batch]:
    """The batches up to the first one at or behind that position of the log."""
    batches: list[Batch] = []
    give_up_at = time.monotonic() + DEADLINE_SECONDS
    with closing(cast(Any, source.read(after))) as reading:
        for batch in reading:
            batches.append(batch)
            if batch.position.lsn >= lsn:
                return batches
            assert time.monotonic() < give_up_at, f"stuck at {batch.position}, waiting for {lsn}"
    raise AssertionError("the source ended")


def texts(changes: Changes) -> list[dict[str, Any]]:
    """The rows of a piece, meta columns included for those of the log."""
    if not isinstance(changes.rows, TabSeparated):
        assert isinstance(changes.rows, pa.Table)
        rows: list[dict[str, Any]] = changes.rows.to_pylist()
        return rows
    names = [column.name for column in changes.table.columns]
    lines = changes.rows.data.decode().split("\n")[:-1]
    assert len(lines) == changes.rows.row_count
    return [dict(zip(names, map(_unescaped, line.split("\t")), strict=True)) for line in lines]


def rows_of(batches: Iterable[Batch], table: str | None = None) -> list[dict[str, Any]]:
    """All rows, in order, of one table or of every one."""
    return [
        row
        for batch in batches
        for changes in batch.changes
        if table in (None, changes.table.full_name)
        for row in texts(changes)
    ]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """The row without the meta columns."""
    return {name: value for name, value in row.items() if name not in META_SCHEMA.names}


def ops(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(row["_till_op"] for row in rows)


def _unescaped(cell: str) -> Text:
    if cell == "\\N":
        return None
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), cell)


class Mirror:
    """Keeps the newest version of each row, as the warehouse does."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[Text, ...], tuple[int, bool, dict[str, Text]]]] = {}
        self._truncated: dict[str, int] = {}

    def apply(self, batches: Iterable[Batch]) -> Mirror:
        for batch in batches:
            for changes in batch.changes:
                self._take(changes)
        return self

    def rows(self, table: str) -> list[dict[str, Text]]:
        """What is there now, in the order of keys."""
        kept = self._rows.get(table, {})
        floor = self._truncated.get(table, -1)
        found = [(key, row) for key, (version, deleted, row) in kept.items() if not deleted and version > floor]
        return [row for _, row in sorted(found, key=lambda pair: [str(part) for part in pair[0]])]

    def _take(self, changes: Changes) -> None:
        table, rows = changes.table, changes.rows
        for place, row in enumerate(texts(changes)):
            if isinstance(rows, TabSeparated):
                ordinal = 0 if table.key else rows.first_ordinal + place
                self._put(table, Position(rows.lsn, ordinal).version, False, row)
                continue
            version = Position(row["_till_lsn"], row["_till_ordinal"]).version
            if row["_till_op"] == "T":
                self._truncated[table.full_name] = max(version, self._truncated.get(table.full_name, -1))
            else:
                self._put(table, version, row["_till_op"] == "D", row)

    def _put(self, table: Table, version: int, deleted: bool, row: dict[str, Any]) -> None:
        kept = self._rows.setdefault(table.full_name, {})
        key = tuple(row[name] for name in table.key) or (str(version),)
        was = kept.get(key)
        if was is not None and was[0] >= version:
            return
        merged = plain(row)
        for name in row.get("_till_unchanged", []):
            assert was is not None, "an unchanged value of a row that nobody has seen"
            merged[name] = was[2][name]
        kept[key] = (version, deleted, merged)
