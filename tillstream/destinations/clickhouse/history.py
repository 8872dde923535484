"""Every version of every source table's columns, in `till.schemas`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from tillstream.change import Column, ColumnType, Table
from tillstream.destinations.clickhouse.client import Warehouse, literal

SCHEMAS = "till.schemas"

CREATE = f"""
create table if not exists {SCHEMAS} (
    table String,
    version UInt32,
    full_name String,
    columns String comment 'the source table then, as JSON',
    layout String comment 'every column bronze and mirror have had so far, as JSON',
    fingerprint String,
    recorded_at DateTime64(6, 'UTC') default now64(6)
) engine = MergeTree order by (table, version)
"""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The newest version of a table: its columns, the layout that holds them, and what was built from it."""

    version: int
    table: Table
    layout: Table
    fingerprint: str


class SchemaHistory:
    """Remembers tables; the newest version of each is kept at hand."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._newest: dict[str, Remembered] = {}
        self._known: dict[str, set[str]] = {}
        self._look("")

    def look_again(self, name: str) -> Remembered | None:
        """The newest version of a table, though another process may have recorded it."""
        self._look(f"where table = {literal(name)}")
        return self._newest.get(name)

    def newest(self, name: str) -> Remembered | None:
        """The newest version of the table with that warehouse name."""
        return self._newest.get(name)

    def had(self, table: Table) -> bool:
        """Whether the table ever was exactly like that."""
        return table_as_json(table) in self._known.get(table.warehouse_name, ())

    def _look(self, where: str) -> None:
        # Two loaders may record versions of one number: the later one counts.
        newest = "(version, recorded_at)"
        rows = self._warehouse.rows(
            f"select table, max(version), argMax(columns, {newest}), argMax(layout, {newest}),"
            f" argMax(fingerprint, {newest}), groupUniqArray(columns) from {SCHEMAS} {where} group by table"
        )
        for name, version, columns, layout, fingerprint, known in rows:
            self._newest[name] = Remembered(version, table_from_json(columns), table_from_json(layout), fingerprint)
            self._known[name] = set(known)

    def record(self, table: Table, layout: Table, fingerprint: str) -> None:
        """Remember a new version."""
        before = self._newest.get(table.warehouse_name)
        version = before.version + 1 if before else 1
        self._warehouse.execute(
            f"insert into {SCHEMAS} (table, version, full_name, columns, layout, fingerprint) values"
            " ({name:String}, {version:UInt32}, {full_name:String}, {columns:String}, {layout:String}, {mark:String})",
            {
                "name": table.warehouse_name,
                "version": version,
                "full_name": table.full_name,
                "columns": table_as_json(table),
                "layout": table_as_json(layout),
                "mark": fingerprint,
            },
        )
        self._newest[table.warehouse_name] = Remembered(version, table, layout, fingerprint)
        self._known.setdefault(table.warehouse_name, set()).add(table_as_json(table))


def table_as_json(table: Table) -> str:
    """The table as JSON text; equal tables give equal texts."""
    fields = asdict(table)
    for column in fields["columns"]:
        # Only matters at the moment a column is added.
        del column["missing"]
    return json.dumps(fields, sort_keys=True)


def table_from_json(text: str) -> Table:
    """The table that `table_as_json` wrote, in this version or an older one."""
    found = json.loads(text)
    columns = tuple(Column(**{**column, "type": _type(column["type"])}) for column in found["columns"])
    return Table(found["schema"], found["name"], columns, tuple(found["key"]))


def _type(fields: dict[str, Any] | None) -> ColumnType | None:
    if fields is None:
        return None
    return ColumnType(**{**fields, "element": _type(fields["element"])})
