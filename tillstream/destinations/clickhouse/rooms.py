"""Making room for tables, and following them as their columns change.

Every step looks at what is there, so that a crash between two of them is mended by doing all again:
what was built is remembered last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from tillstream.change import Table
from tillstream.destinations.clickhouse import history, layouts, links, quarantine
from tillstream.destinations.clickhouse.client import Warehouse, literal, quoted
from tillstream.destinations.clickhouse.history import SchemaHistory
from tillstream.destinations.clickhouse.widening import grown
from tillstream.errors import WarehouseError

DATABASES = ("bronze", "mirror", "till")


class Rooms:
    """The bronze and mirror tables of a warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._seen: dict[str, Table] = {}
        self._layouts: dict[str, Table] = {}
        for database in DATABASES:
            warehouse.execute(f"create database if not exists {database}")
        for statement in (history.CREATE, links.CREATE, quarantine.CREATE):
            warehouse.execute(statement)
        self._history = SchemaHistory(warehouse)
        self._built = {name for (name,) in warehouse.rows("select name from system.tables where database = 'mirror'")}

    def layout(self, name: str) -> Table:
        """Every column the table with that warehouse name ever had. KeyError if there was none."""
        if name in self._layouts:
            return self._layouts[name]
        remembered = self._history.newest(name)
        if remembered is None:
            raise KeyError(name)
        return remembered.layout

    def knows(self, name: str) -> bool:
        """Whether there ever was room for that table."""
        return name in self._layouts or self._history.newest(name) is not None

    def ensure(self, table: Table) -> None:
        """Make room for the table as it is now. SchemaChangeRefused if its old rows would not survive."""
        name = table.warehouse_name
        if self._seen.get(name) == table:
            return
        self._history.look_again(name)
        layout = self._made(table)
        # Where several loaders make room at once, whoever looks last makes it for all.
        while (newest := self._history.look_again(name)) is not None and newest.layout != layout:
            layout = self._made(table)
        self._seen[name] = table
        self._layouts[name] = layout

    def _made(self, table: Table) -> Table:
        """Make room, and remember it; the layout that has all columns."""
        name = table.warehouse_name
        remembered = self._history.newest(name)
        if remembered is None:
            layout = table
        elif self._history.had(table):
            # After a crash the log is read again from before the change: those rows fit as they did.
            table, layout = remembered.table, remembered.layout
        else:
            layout = grown(remembered.layout, table)
        fingerprint = _fingerprint(layout)
        if remembered is None or remembered.fingerprint != fingerprint or name not in self._built:
            _refuse_reserved(layout)
            self._build(layout)
            self._built.add(name)
        if remembered is None or remembered.table != table or remembered.fingerprint != fingerprint:
            self._history.record(table, layout, fingerprint)
        return layout

    def renew(self, table: Table) -> None:
        """Begin the mirror anew, empty and in the types the table has now. Bronze keeps all it has."""
        self._warehouse.execute(f"drop table if exists {layouts.feed_name(table)} sync")
        self._warehouse.execute(f"drop table if exists {layouts.mirror_name(table)} sync")
        self._build(table)
        self._history.record(table, table, _fingerprint(table))
        self._built.add(table.warehouse_name)
        self._seen[table.warehouse_name] = self._layouts[table.warehouse_name] = table

    def _build(self, layout: Table) -> None:
        run = self._warehouse.execute
        found = self._refuse_strangers(layout)
        run(layouts.create_bronze(layout))
        run(layouts.create_mirror(layout))
        if found:
            self._alter("bronze", layout, layouts.bronze_columns(layout))
            self._alter("mirror", layout, layouts.mirror_columns(layout))
        run(layouts.create_feed(layout))
        if found:
            run(layouts.modify_feed(layout))
        run(layouts.create_json_view(layout))

    def _alter(self, database: str, layout: Table, wanted: Mapping[str, str]) -> None:
        name = layout.warehouse_name
        found = dict(
            self._warehouse.rows(
                "select name, type from system.columns where database = {database:String} and table = {name:String}",
                {"database": database, "name": name},
            )
        )
        older = layouts.older_values(layout, in_bronze=database == "bronze")
        steps = [
            f"add column {quoted(column)} {kind}{older.get(column, '')}"
            for column, kind in wanted.items()
            if column not in found
        ]
        steps += [
            f"modify column {quoted(column)} {kind}"
            for column, kind in wanted.items()
            if column in found and found[column] != kind
        ]
        if steps:
            self._warehouse.execute(f"alter table {database}.{quoted(name)} {', '.join(steps)}")

    def _refuse_strangers(self, layout: Table) -> bool:
        """Something else may already have a name we need, for example the view of another table.

        Whether anything of ours is there already.
        """
        name = layout.warehouse_name
        needed = {
            ("bronze", name): "MergeTree",
            ("bronze", f"{name}_json"): "View",
            ("mirror", name): "ReplacingMergeTree",
            ("mirror", f"{name}_feed"): "MaterializedView",
        }
        names = ", ".join(f"({literal(database)}, {literal(table)})" for database, table in needed)
        found = self._warehouse.rows(
            f"select database, name, engine from system.tables where (database, name) in ({names})"
        )
        for database, table, engine in found:
            if engine != needed[database, table] or name == "links":
                raise WarehouseError(
                    f'table "{layout.full_name}" needs the name "{database}.{table}", which is taken',
                    detail=f"A {engine} has it.",
                    hint=f"Leave {layout.full_name} out (till.toml, `exclude`), or rename it in the store.",
                )
        return bool(found)


def _fingerprint(layout: Table) -> str:
    built = (
        layouts.create_bronze(layout),
        layouts.create_mirror(layout),
        layouts.feed_query(layout),
        layouts.create_json_view(layout),
    )
    return hashlib.blake2b("\n".join(built).encode(), digest_size=12).hexdigest()


def _refuse_reserved(layout: Table) -> None:
    taken = [column.name for column in layout.columns if column.name in layouts.RESERVED]
    if taken:
        raise WarehouseError(
            f'column "{taken[0]}" of table "{layout.full_name}" has a name that the mirror needs itself',
            detail=f"Reserved are {', '.join(sorted(layouts.RESERVED))}.",
            hint=f"Leave {layout.full_name} out (till.toml, `exclude`), or rename the column in the store.",
        )
