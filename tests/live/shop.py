"""A store in memory whose changes land in the warehouse batch by batch, for tests of the live layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa

from tests.live.demo_tables import demo_tables
from tillstream.change import META_SCHEMA, Batch, Changes, Op, Position, Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.live.layer import LiveLayer

Key = tuple[str, ...]
Texts = dict[str, str | None]
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
TABLES = demo_tables()


@dataclass(frozen=True, slots=True)
class _Change:
    table: str
    lsn: int
    ordinal: int
    op: Op
    texts: Texts


@dataclass(slots=True)
class Shop:
    """What the store holds, and what has not landed yet."""

    warehouse: Warehouse
    destination: ClickHouseDestination
    layer: LiveLayer
    rows: dict[str, dict[Key, Texts]] = field(default_factory=dict)
    number: int = 0
    lsn: int = 1
    _ordinal: int = 0
    _changes: list[_Change] = field(default_factory=list)
    _landed_at: Position = field(default_factory=lambda: Position(1))

    def clear(self) -> None:
        """Begin again with nothing; numbers and positions go on, so that no token comes twice."""
        filled = self.warehouse.rows(
            "select database, name from system.tables where endsWith(engine, 'MergeTree') and total_rows > 0"
            " and (database in ('bronze', 'mirror', 'facts', 'live') or name = 'touched' or startsWith(name, 'delta_'))"
        )
        for database, name in filled:
            self.warehouse.execute(f"truncate table {database}.{name}")
        self.layer = LiveLayer(self.warehouse, self.layer.profile)
        self.rows, self._changes = {}, []

    def put(self, table: str, **values: object) -> None:
        """Insert a row, or update the one with its key; columns that are not named stay as they are."""
        texts = {name: _text(value) for name, value in values.items()}
        key = self._key(table, texts)
        old = self.rows.setdefault(table, {}).get(key)
        row: Texts = {**(old or _blank(TABLES[table])), **texts}
        self.rows[table][key] = row
        self._add(table, Op.INSERT if old is None else Op.UPDATE, dict(row))

    def drop(self, table: str, *key: object) -> None:
        """Delete a row; the change has its key and nothing else, as under the default replica identity."""
        texts = tuple(str(part) for part in key)
        if self.rows.get(table, {}).pop(texts, None) is not None:
            blank: Texts = dict.fromkeys(_blank(TABLES[table]))
            self._add(table, Op.DELETE, {**blank, **dict(zip(TABLES[table].key, texts, strict=True))})

    def truncate(self, table: str) -> None:
        """Delete all rows at once."""
        self.rows[table] = {}
        self._add(table, Op.TRUNCATE, dict.fromkeys(_blank(TABLES[table])))

    def commit(self) -> None:
        """End a transaction."""
        self.lsn += 1
        self._ordinal = 0

    def batch(self) -> Batch:
        """What has not landed yet, as one batch."""
        by_table: dict[str, list[_Change]] = {}
        for change in self._changes:
            by_table.setdefault(change.table, []).append(change)
        position = Position(self.lsn, 2**32 - 1)
        pieces = tuple(_changes(TABLES[name], changes) for name, changes in by_table.items())
        batch = Batch(self._landed_at, position, pieces, NOON, NOON, 1)
        self._changes, self._landed_at = [], position
        self.commit()
        return batch

    @property
    def lsn_position(self) -> Position:
        """Where the store's log is."""
        return Position(self.lsn)

    def write(self) -> Batch:
        """Bring what has not landed into bronze and mirror only."""
        batch = self.batch()
        self.number += 1
        self.destination.write(self.number, batch, f"test:{self.number}")
        return batch

    def land(self) -> int:
        """Bring what has not landed into every layer; how many live rows that made."""
        batch = self.write()
        self.layer.stage(self.number, batch)
        self.layer.publish(self.number)
        return self.staged()

    def staged(self) -> int:
        """How many live rows the newest batch changes."""
        facts = self.layer.definitions.facts
        counts = (f"(select count() from {fact.delta} where batch = {self.number})" for fact in facts)
        return int(self.layer.warehouse.value(f"select {' + '.join(counts)}"))

    def _add(self, table: str, op: Op, texts: Texts) -> None:
        ordinal = self._ordinal * 2 + (op is not Op.DELETE)
        self._ordinal += 1
        self._changes.append(_Change(table, self.lsn, ordinal, op, texts))

    def _key(self, table: str, texts: Mapping[str, str | None]) -> Key:
        return tuple(str(texts[name]) for name in TABLES[table].key)


def _blank(table: Table) -> Texts:
    return {column.name: None for column in table.columns if column.name != "password_hash"}


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(sep=" ")
    return None if value is None else str(value)


def _changes(table: Table, changes: list[_Change]) -> Changes:
    count = len(changes)
    columns: list[pa.Array] = [
        pa.array([change.lsn for change in changes], pa.uint64()),
        pa.array([change.ordinal for change in changes], pa.uint32()),
        pa.array([change.op.value for change in changes], pa.string()),
        pa.array([7] * count, pa.uint32()),
        pa.array([NOON] * count, pa.timestamp("us", tz="UTC")),
        pa.array([[]] * count, pa.list_(pa.string())),
        pa.nulls(count, pa.string()),
    ]
    names = [column.name for column in table.columns]
    columns += [pa.array([change.texts.get(name) for change in changes], pa.string()) for name in names]
    return Changes(table, pa.Table.from_arrays(columns, names=[*META_SCHEMA.names, *names]))
