"""Mending the mirror: the rows that differ are read again from the store and sent through every layer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import pyarrow as pa

from tillstream.change import META_SCHEMA, Changes, Op, Table, TabSeparated
from tillstream.destinations.clickhouse.client import Warehouse, literal, quoted
from tillstream.flow.pump import Pump
from tillstream.quality.canon import clickhouse_text, postgres_name, postgres_text
from tillstream.quality.mirrors import Texts
from tillstream.quality.moment import LONGEST_HOLD, connected, exported_snapshot

KEYS_AT_ONCE = 1_000


def repair_mirror(url: str, warehouse: Warehouse, pump: Pump, table: Table, keys: Sequence[Texts]) -> int:
    """Replace the rows with these keys by what the store holds now. Returns how many keys were mended.

    The flow is held meanwhile: the rows are read as of one position of the log, and later changes come after.
    """
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        with pump.gate.hold(LONGEST_HOLD), exported_snapshot(url) as (lsn, name), connected(url) as store:
            store.execute("begin isolation level repeatable read read only")
            store.execute(f"set transaction snapshot '{name}'")
            pump.advance_before(lsn, LONGEST_HOLD)
            _forget_later(warehouse, table, some, lsn)
            pump.inject(_deleted(table, some, lsn) + _present(store, table, some, lsn))
    return len(keys)


def _forget_later(warehouse: Warehouse, table: Table, keys: Sequence[Texts], lsn: int) -> None:
    # The right row supersedes whatever is older; only what claims to be from the future would hide it. Nothing
    # else goes: if we are killed before the right row comes, the wrong one is there for the next verification.
    texts = _tuple([clickhouse_text(table.column(name)) for name in table.key])
    wanted = ", ".join(_tuple([literal(text or "") for text in key]) for key in keys)
    warehouse.execute(
        f"alter table mirror.{quoted(table.warehouse_name)} delete"
        f" where {texts} in ({wanted}) and _version >= bitShiftLeft(toUInt128({lsn - 1}), 32)",
        settings={"mutations_sync": 1},
    )


def _deleted(table: Table, keys: Sequence[Texts], lsn: int) -> tuple[Changes, ...]:
    """Every key as deleted just before `lsn`, so that the live layer looks at what hung on it."""
    count = len(keys)
    before = lsn - 1
    columns: list[pa.Array] = [
        pa.array([before] * count, pa.uint64()),
        pa.array([0] * count, pa.uint32()),
        pa.array([Op.DELETE.value] * count),
        pa.array([0] * count, pa.uint32()),
        pa.array([datetime.now(UTC)] * count, pa.timestamp("us", tz="UTC")),
        pa.array([[]] * count, pa.list_(pa.string())),
        pa.nulls(count, pa.string()),
    ]
    for column in table.columns:
        if column.name in table.key:
            place = table.key.index(column.name)
            columns.append(pa.array([key[place] for key in keys], pa.string()))
        else:
            columns.append(pa.nulls(count, pa.string()))
    names = [*META_SCHEMA.names, *(column.name for column in table.columns)]
    return (Changes(table, pa.Table.from_arrays(columns, names=names)),)


def _present(store: psycopg.Connection, table: Table, keys: Sequence[Texts], lsn: int) -> tuple[Changes, ...]:
    columns = ", ".join(postgres_name(column.name) for column in table.columns)
    texts = _tuple([postgres_text(table.column(name)) for name in table.key])
    wanted = ", ".join(_tuple([_postgres_literal(text or "") for text in key]) for key in keys)
    relation = f"{postgres_name(table.schema)}.{postgres_name(table.name)}"
    copy = f"copy (select {columns} from {relation} where {texts} in ({wanted})) to stdout"
    with store.cursor().copy(copy) as rows:
        data = b"".join(bytes(piece) for piece in rows)
    count = data.count(b"\n")
    if count == 0:
        return ()
    return (Changes(table, TabSeparated(data, count, lsn, datetime.now(UTC))),)


def _tuple(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else "(" + ", ".join(texts) + ")"


def _postgres_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
