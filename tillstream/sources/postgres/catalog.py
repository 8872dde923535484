"""What the server's catalog says about tables, their columns and their types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.rows import dict_row

from tillstream.change import Column, ColumnType, Table
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.types import Catalog, CatalogType, column_type

Identity = Literal["default", "full", "index", "nothing"]
_IDENTITIES: dict[str, Identity] = {"d": "default", "f": "full", "i": "index", "n": "nothing"}

# Partitions are read and published through their root; generated columns are not in the log.
_TABLES = """
select
    c.oid::int8 as id,
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind::text as kind,
    c.relreplident::text as identity,
    coalesce(k.names, '{}') as key,
    coalesce(a.columns, '[]') as columns
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join lateral (
    select array_agg(attribute.attname::text order by part.place) as names
    from pg_index i
    cross join unnest(i.indkey::int2[]) with ordinality as part (number, place)
    join pg_attribute attribute on attribute.attrelid = c.oid and attribute.attnum = part.number
    where i.indrelid = c.oid
        and part.place <= i.indnkeyatts
        and case c.relreplident when 'i' then i.indisreplident else i.indisprimary end
) k on true
left join lateral (
    select json_agg(json_build_array(
        attribute.attname, attribute.atttypid::int8, attribute.atttypmod,
        format_type(attribute.atttypid, attribute.atttypmod)
    ) order by attribute.attnum) as columns
    from pg_attribute attribute
    where attribute.attrelid = c.oid and attribute.attnum > 0
        and not attribute.attisdropped and attribute.attgenerated = ''
) a on true
where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'
    and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
order by n.nspname, c.relname
"""

_TYPES = """
with recursive needed as (
    select unnest(%s::int8[])::oid as oid
    union
    select r.oid
    from needed
    join pg_type t on t.oid = needed.oid
    cross join lateral (values (t.typbasetype), (t.typelem)) r (oid)
    where r.oid <> 0
)
select
    t.oid::int8, t.typname::text, t.typtype::text, t.typbasetype::int8, t.typtypmod, t.typelem::int8,
    t.typcategory = 'A' and t.typelem <> 0
from needed join pg_type t on t.oid = needed.oid
"""


@dataclass(frozen=True, slots=True)
class CapturedTable:
    """A table that is captured, and what only this source needs to know of it.

    `published` are the columns the publication must be limited to; None when it may have all.
    """

    table: Table
    id: int
    identity: Identity
    is_partitioned: bool
    only_adds: bool
    published: tuple[str, ...] | None

    @property
    def full_name(self) -> str:
        return self.table.full_name

    @property
    def sql_name(self) -> str:
        return f"{quoted(self.table.schema)}.{quoted(self.table.name)}"


def captured_tables(connection: psycopg.Connection, settings: PostgresSettings) -> list[CapturedTable]:
    """The tables that the settings ask for, as they are now."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = [row for row in cursor.execute(_TABLES) if settings.captures(_full_name(row))]
    catalog = types(connection, {identifier for row in rows for _, identifier, _, _ in row["columns"]})
    found = []
    for row in rows:
        full_name = _full_name(row)
        columns = tuple(
            Column(name, column_type(catalog, identifier, modifier), declared)
            for name, identifier, modifier, declared in row["columns"]
            if not settings.leaves_out(full_name, name)
        )
        table = Table(row["schema"], row["name"], columns, tuple(row["key"]))
        found.append(
            CapturedTable(
                table=table,
                id=row["id"],
                identity=_IDENTITIES[row["identity"]],
                is_partitioned=row["kind"] == "p",
                only_adds=settings.only_adds(full_name),
                published=tuple(c.name for c in columns) if len(columns) < len(row["columns"]) else None,
            )
        )
    return found


def _full_name(row: dict[str, Any]) -> str:
    return f"{row['schema']}.{row['name']}"


def types(connection: psycopg.Connection, identifiers: Iterable[int]) -> Catalog:
    """The catalog's entries of these types and of what they are made of."""
    rows = connection.execute(_TYPES, [list(identifiers)])
    return {row[0]: CatalogType(*row[1:]) for row in rows}


def declared_types(
    connection: psycopg.Connection, wanted: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], tuple[ColumnType, str]]:
    """The shared word and the server's spelling for pairs of type and modifier."""
    pairs = list(wanted)
    catalog = types(connection, {identifier for identifier, _ in pairs})
    spelled = connection.execute(
        "select format_type(t.oid::oid, t.modifier)"
        " from unnest(%s::int8[], %s::int4[]) with ordinality t (oid, modifier, place) order by t.place",
        [[identifier for identifier, _ in pairs], [modifier for _, modifier in pairs]],
    ).fetchall()
    return {pair: (column_type(catalog, *pair), row[0]) for pair, row in zip(pairs, spelled, strict=True)}


def quoted(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A string constant, whatever `standard_conforming_strings` says."""
    doubled = value.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in doubled else f"'{doubled}'"
