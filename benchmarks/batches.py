"""Batches as the source would hand them out: the mix of `store.py`, over rows of any copy of the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.growth import MOVED, History
from benchmarks.store import CHANGES_A_STEP
from tillstream.change import META_SCHEMA, Batch, Changes, Position, Table
from tillstream.destinations.clickhouse.client import Warehouse

TOUCHED = ("orders", "order_lines", "payments", "order_status_history")
# Ids and positions that nothing else has.
NEW_ID = 10**14
FIRST_LSN = 1 << 50


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one table that were changed alike: places in the store's own rows, and in which copy of them."""

    table: str
    op: str
    places: np.ndarray
    copies: np.ndarray
    # Columns that are set, by name; others are as they were.
    values: Mapping[str, pa.Array] = field(default_factory=dict)


class Batches:
    """Makes batches of changes: of the newest year's orders, or (`any_age`) of orders all over the history."""

    def __init__(self, warehouse: Warehouse, tables: Mapping[str, Table], history: History, seed: int) -> None:
        self._tables = tables
        self._history = history
        self._random = np.random.default_rng(seed)
        self._rows = {name: _texts(warehouse, tables[name]) for name in TOUCHED}
        self._any_age = True
        self._made = 0
        self._lsn = FIRST_LSN

    def make(self, changes: int, *, any_age: bool) -> Batch:
        """A batch of so many changes: 20 % inserts, 60 % updates, 20 % deletes."""
        self._any_age = any_age
        after = Position(self._lsn)
        parts: dict[str, list[pa.Table]] = {}
        for part in self._parts(changes // CHANGES_A_STEP):
            parts.setdefault(part.table, []).append(self._changed(part))
        position = Position(self._lsn)
        made = tuple(Changes(self._tables[name], pa.concat_tables(each)) for name, each in parts.items())
        now = datetime.now(UTC)
        return Batch(after, position, made, now, now, changes // CHANGES_A_STEP)

    def _parts(self, steps: int) -> Iterator[Part]:
        orders, lines, payments = self._new(4 * steps), self._new(12 * steps), self._new(4 * steps)
        yield self._part("orders", "I", 4 * steps, id=orders, number=orders)
        of_lines = orders.take(pa.array(np.repeat(np.arange(4 * steps), 3)))
        yield self._part("order_lines", "I", 12 * steps, id=lines, order_id=of_lines)
        yield self._part("payments", "I", 4 * steps, id=payments, order_id=orders)
        delivered = pa.array(["delivered"] * (40 * steps))
        yield self._part("orders", "U", 40 * steps, status=delivered)
        yield self._part("payments", "U", 20 * steps, status=pa.array(["completed"] * (20 * steps)))
        yield self._part("order_lines", "D", 10 * steps)
        yield self._part("order_status_history", "D", 10 * steps)

    def _new(self, count: int) -> pa.Array:
        first, self._made = NEW_ID + self._made, self._made + count
        return pa.array(np.arange(first, first + count)).cast(pa.string())

    def _part(self, table: str, op: str, count: int, **values: pa.Array) -> Part:
        # A transaction changes a row once: no place comes twice with the same copy.
        size = self._rows[table].num_rows
        newest = self._history.copies - 1 if table in MOVED else 0
        copies = newest + 1 if self._any_age and op != "I" else 1
        chosen = self._random.choice(size * copies, count, replace=op == "I")
        return Part(table, op, chosen % size, chosen // size + (newest + 1 - copies), values)

    def _changed(self, part: Part) -> pa.Table:
        """The rows of a part with their meta columns."""
        table, count = self._tables[part.table], len(part.places)
        rows = self._rows[part.table].take(pa.array(part.places))
        shift = pa.array(part.copies * self._history.stride)
        columns = {}
        for column in table.columns:
            name = column.name
            if part.op == "D" and name not in table.key:
                columns[name] = pa.nulls(count, pa.string())
            elif name in part.values:
                columns[name] = part.values[name]
            elif name in MOVED.get(part.table, ()) and part.copies.any():
                columns[name] = pc.add(rows.column(name).cast(pa.int64()), shift).cast(pa.string())
            else:
                columns[name] = rows.column(name)
        self._lsn += 1
        meta = [
            pa.array(np.full(count, self._lsn, dtype=np.uint64)),
            pa.array(np.arange(count, dtype=np.uint32) * 2 + (part.op != "D")),
            pa.array([part.op] * count),
            pa.array(np.full(count, 1, dtype=np.uint32)),
            pa.array([datetime.now(UTC)] * count, pa.timestamp("us", tz="UTC")),
            pa.array([[]] * count, pa.list_(pa.string())),
            pa.nulls(count, pa.string()),
        ]
        return pa.table([*meta, *columns.values()], names=[*META_SCHEMA.names, *columns])


def _texts(warehouse: Warehouse, table: Table) -> pa.Table:
    """The snapshot's rows of a table, as the source printed them."""
    names = [column.name for column in table.columns]
    listed = ", ".join(f"`{name}`" for name in names)
    data = warehouse.raw(
        f"select {listed} from bronze.{table.warehouse_name} where _till_op = 'R'"
        " settings output_format_arrow_string_as_string = 1, output_format_arrow_compression_method = 'none'",
        "ArrowStream",
    )
    found = pa.ipc.open_stream(data).read_all()
    return found.cast(pa.schema([(name, pa.string()) for name in names])).combine_chunks()
