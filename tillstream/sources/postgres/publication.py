"""The publications: which tables and columns the server puts into our log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from tillstream.errors import KeyMissing, PermissionMissing, SlotLost, SourceError, TableMissing
from tillstream.sources.postgres.carried import ADDITIONS, ALL_CHANGES, find_publication, require_all_changes
from tillstream.sources.postgres.catalog import CapturedTable, captured_tables, literal, quoted
from tillstream.sources.postgres.settings import PostgresSettings

COLUMN_LISTS_SINCE = 150000
_STILL_TO_READ = "tillstream has still to read: "


@dataclass(frozen=True, slots=True)
class Published:
    """What is captured: the tables, the publications that carry them, and which tables have to be read anew.

    These are new in their publication, or have columns that it did not carry until now.
    """

    tables: tuple[CapturedTable, ...]
    publications: tuple[str, ...]
    added: tuple[str, ...] = ()


def publish(connection: psycopg.Connection, settings: PostgresSettings, *, for_the_first_time: bool) -> Published:
    """Make the publications carry exactly the wanted tables and columns.

    `added` are the tables whose rows from before are still to be read, when that is not all of them anyway:
    those that were not published, and those of earlier calls until `forget_unread`. A crash in between must
    not lose them, so the publication itself remembers.

    Raises TableMissing, KeyMissing or SourceError before anything is changed.
    """
    tables = captured_tables(connection, settings)
    check_tables(tables, settings, connection.info.server_version)
    by_publication = assigned(tables, settings)
    with connection.transaction():
        unread = _unread(connection, settings)
        added = set() if for_the_first_time else unread
        for name, members in by_publication.items():
            new = _ensure(connection, name, members, adds_only=name == settings.insert_publication)
            added = added if for_the_first_time else added.union(new)
        if added != unread:
            _remember(connection, settings, json.dumps(sorted(added)))
    captured = {table.full_name for table in tables}
    return Published(tuple(tables), tuple(by_publication), tuple(sorted(added & captured)))


def forget_unread(connection: psycopg.Connection, settings: PostgresSettings) -> None:
    """Every published table has been read."""
    if _unread(connection, settings):
        _remember(connection, settings, "[]")


def _unread(connection: psycopg.Connection, settings: PostgresSettings) -> set[str]:
    row = connection.execute(
        "select obj_description(oid, 'pg_publication') from pg_publication where pubname = %s", [settings.publication]
    ).fetchone()
    return (
        set(json.loads(row[0][len(_STILL_TO_READ) :])) if row and (row[0] or "").startswith(_STILL_TO_READ) else set()
    )


def _remember(connection: psycopg.Connection, settings: PostgresSettings, tables: str) -> None:
    comment = literal(_STILL_TO_READ + tables)
    _change(connection, f"comment on publication {quoted(settings.publication)} is {comment}")


def existing_publications(connection: psycopg.Connection, settings: PostgresSettings) -> tuple[str, ...]:
    """The publications that are there, unchanged."""
    rows = connection.execute(
        "select pubname::text from pg_publication where pubname = any(%s) order by pubname",
        [list(settings.publications)],
    )
    return tuple(row[0] for row in rows)


def require_publication(connection: psycopg.Connection, settings: PostgresSettings) -> None:
    """SlotLost when the publication is gone: what was written without it is not in the log, and nothing says so."""
    found = connection.execute("select from pg_publication where pubname = %s", [settings.publication]).fetchone()
    if found is None:
        raise SlotLost(
            f'publication "{settings.publication}" does not exist',
            detail="It was dropped. The server leaves out what is written while it is missing.",
            hint="Run `till resync` to read the tables again and go on from now.",
        )


def look_again(connection: psycopg.Connection, settings: PostgresSettings, published: Published) -> bool:
    """Whether there are tables to capture, or columns of tables with a column list, that are not published yet."""
    known = {table.full_name: table.published for table in published.tables}
    return any(known.get(table.full_name, ()) != table.published for table in captured_tables(connection, settings))


def assigned(tables: Sequence[CapturedTable], settings: PostgresSettings) -> dict[str, list[CapturedTable]]:
    """Each table under the publication that carries it."""
    changing = [table for table in tables if not table.only_adds]
    adding = [table for table in tables if table.only_adds]
    by_publication = {settings.publication: changing}
    if adding:
        by_publication[settings.insert_publication] = adding
    return by_publication


def check_tables(tables: Sequence[CapturedTable], settings: PostgresSettings, server_version: int) -> None:
    """Raise for the first thing in the way of capturing these tables."""
    check_named(tables, settings)
    for table in tables:
        check_table(table, server_version)


def check_named(tables: Sequence[CapturedTable], settings: PostgresSettings) -> None:
    """TableMissing when a table that is named in the settings is not among these."""
    names = {table.full_name for table in tables}
    for wanted in settings.exact_tables:
        if wanted not in names and settings.captures(wanted):
            raise TableMissing(
                f'table "{wanted}" does not exist',
                detail="It is named in the settings. Views, foreign and unlogged tables can't be captured.",
                hint="Correct the name in `tables`, with its schema, or create the table.",
            )


def check_table(table: CapturedTable, server_version: int) -> None:
    """KeyMissing or SourceError when the table can't be captured as it is."""
    _check_key(table)
    _check_excluded(table, server_version)


def _check_key(table: CapturedTable) -> None:
    name = table.full_name
    if table.only_adds:
        return
    if not table.table.key:
        raise KeyMissing(
            f'table "{name}" has no primary key',
            detail="Without one its updates and deletes can't be followed.",
            hint=f'Give it one (alter table {table.sql_name} add primary key (…)); or add "{name}" to insert_only, '
            "if its rows are only ever added; or to exclude.",
        )
    if table.identity == "nothing":
        raise KeyMissing(
            f'table "{name}" has replica identity nothing',
            detail="The log would not say which row was updated or deleted, and the server would refuse to do it.",
            hint=f"alter table {table.sql_name} replica identity default;",
        )


def _check_excluded(table: CapturedTable, server_version: int) -> None:
    if table.published is None:
        return
    name = table.full_name
    if server_version < COLUMN_LISTS_SINCE:
        raise SourceError(
            f'columns of table "{name}" can\'t be left out',
            detail=f"Publications list columns since PostgreSQL 15; this server is {server_version // 10000}.",
            hint="Upgrade the server, or leave out the whole table.",
        )
    if table.identity == "full" and not table.only_adds:
        raise SourceError(
            f'columns of table "{name}" can\'t be left out while its replica identity is full',
            detail="The server would refuse every update of the table.",
            hint=f"alter table {table.sql_name} replica identity default;",
        )
    missing = [column for column in table.table.key if column not in table.published]
    if missing:
        raise SourceError(
            f'column "{missing[0]}" of table "{name}" can\'t be left out',
            detail="It is part of the key.",
            hint="Take it out of `exclude`.",
        )


def _ensure(
    connection: psycopg.Connection, name: str, tables: Sequence[CapturedTable], *, adds_only: bool
) -> list[str]:
    """Create or alter one publication. Returns the tables whose rows it did not carry as they are wanted."""
    listed = ", ".join(_member(table) for table in tables)
    found = find_publication(connection, name)
    if found is None:
        _change(connection, statement_to_create(name, tables, adds_only=adds_only))
        return [table.full_name for table in tables]
    require_all_changes(found, name, tables, adds_only=adds_only)
    present = members(connection, name)
    if found.all_tables:
        return _whole_database(name, tables)
    wanted = {table.full_name: table.published for table in tables}
    if present != wanted and listed:
        _change(connection, f"alter publication {quoted(name)} set table {listed}")
    elif present != wanted:
        gone = ", ".join(".".join(quoted(part) for part in member.split(".", 1)) for member in present)
        _change(connection, f"alter publication {quoted(name)} drop table {gone}")
    return [table.full_name for table in tables if _is_new(table, present)]


def statement_to_create(name: str, tables: Sequence[CapturedTable], *, adds_only: bool) -> str:
    """SQL that makes the publication."""
    listed = ", ".join(_member(table) for table in tables)
    options = f"publish = '{', '.join(ADDITIONS if adds_only else ALL_CHANGES)}', publish_via_partition_root = true"
    return f"create publication {quoted(name)}{' for table ' + listed if listed else ''} with ({options})"


def _is_new(table: CapturedTable, present: Mapping[str, tuple[str, ...] | None]) -> bool:
    if table.full_name not in present:
        return True
    carried = present[table.full_name]
    return carried is not None and any(column.name not in carried for column in table.table.columns)


def _whole_database(name: str, tables: Sequence[CapturedTable]) -> list[str]:
    limited = [table.full_name for table in tables if table.published is not None]
    if limited:
        raise SourceError(
            f'columns of table "{limited[0]}" can\'t be left out of publication "{name}"',
            detail="That publication is for all tables, with all their columns.",
            hint="Use another publication, or none: it is then created as needed.",
        )
    return []


def members(connection: psycopg.Connection, publication: str) -> dict[str, tuple[str, ...] | None]:
    """The tables of a publication with their column lists; None for all columns."""
    listed = "r.prattrs" if connection.info.server_version >= COLUMN_LISTS_SINCE else "null::int2vector"
    rows = connection.execute(
        f"select n.nspname || '.' || c.relname, (select array_agg(a.attname::text order by a.attnum)"
        f" from pg_attribute a where a.attrelid = c.oid and a.attnum = any ({listed}::int2[]))"
        " from pg_publication_rel r"
        " join pg_publication p on p.oid = r.prpubid"
        " join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace"
        " where p.pubname = %s",
        [publication],
    )
    return {name: tuple(columns) if columns is not None else None for name, columns in rows}


def _member(table: CapturedTable) -> str:
    only = "" if table.is_partitioned else "only "
    columns = "" if table.published is None else f" ({', '.join(map(quoted, table.published))})"
    return f"{only}{table.sql_name}{columns}"


def _change(connection: psycopg.Connection, statement: str) -> None:
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        raise PermissionMissing(
            f'role "{connection.info.user}" may not publish the captured tables',
            detail=f"{error.diag.message_primary}. It must own the tables and may create in the database; "
            "or an administrator does this once.",
            hint=f"{statement};",
        ) from error
