"""What the log leaves out about a table: the order of its key, and its types in words."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from tillstream.change import Column, ColumnType, Table
from tillstream.sources.postgres.catalog import declared_types
from tillstream.sources.postgres.connection import connect, translated
from tillstream.sources.postgres.relation import Relation, WireRelation
from tillstream.sources.postgres.settings import PostgresSettings

_KEY = """
select array_agg(a.attname::text order by part.place)
from pg_class c
join pg_index i on i.indrelid = c.oid
cross join unnest(i.indkey::int2[]) with ordinality as part (number, place)
join pg_attribute a on a.attrelid = c.oid and a.attnum = part.number
where c.oid = %s and part.place <= i.indnkeyatts
    and case c.relreplident when 'i' then i.indisreplident else i.indisprimary end
"""

# What rows have that are older than a column: the server keeps it until it writes the table anew.
_MISSING = """
select a.attname::text, (a.attmissingval::text::text[])[1]
from pg_attribute a
where a.atthasmissing and not a.attisdropped
    and (a.attrelid = %(id)s or a.attrelid in (select inhrelid from pg_inherits where inhparent = %(id)s))
"""


class Describer:
    """Turns what the log announces into tables, with a look at the catalog where it has to."""

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings
        self._connection: psycopg.Connection | None = None
        self._types: dict[tuple[int, int], tuple[ColumnType, str]] = {}

    def __call__(self, wire: WireRelation) -> Relation:
        full_name = f"{wire.schema}.{wire.name}"
        kept = tuple(
            place for place, column in enumerate(wire.columns) if not self._settings.leaves_out(full_name, column.name)
        )
        with translated(self._settings):
            key = self._key(wire)
            self._look_up([(column.type_id, column.modifier) for column in wire.columns])
            missing: dict[str, str] = dict(self._catalog().execute(_MISSING, {"id": wire.id}).fetchall())
        columns = tuple(self._column(wire, place, missing) for place in kept)
        return Relation(Table(wire.schema, wire.name, columns, key), len(wire.columns), kept)

    def open(self) -> None:
        """Connect before the first change has to wait for it."""
        with translated(self._settings):
            self._catalog()

    def close(self) -> None:
        """Let go of the connection; the next call makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _column(self, wire: WireRelation, place: int, missing: Mapping[str, str]) -> Column:
        column = wire.columns[place]
        return Column(column.name, *self._types[column.type_id, column.modifier], missing.get(column.name))

    def _catalog(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._settings)
        return self._connection

    def _key(self, wire: WireRelation) -> tuple[str, ...]:
        """The key as the catalog has it; as the log marks it, when the catalog has moved on."""
        row = self._catalog().execute(_KEY, [wire.id]).fetchone()
        key = tuple(row[0]) if row and row[0] else ()
        marked = tuple(column.name for column in wire.columns if column.identifies)
        if wire.identity == "f":
            return key if set(key) <= set(marked) else ()
        return key if set(key) == set(marked) or not marked else marked

    def _look_up(self, pairs: list[tuple[int, int]]) -> None:
        unknown = [pair for pair in pairs if pair not in self._types]
        if unknown:
            self._types.update(declared_types(self._catalog(), unknown))
