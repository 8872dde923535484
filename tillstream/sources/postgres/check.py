"""What `till doctor` says about a PostgreSQL: settings, rights, tables and slot, without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import psycopg

from tillstream.errors import SourceError
from tillstream.ports import Finding
from tillstream.sources.postgres.catalog import CapturedTable, captured_tables
from tillstream.sources.postgres.publication import assigned, check_named, check_table, members
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.slot import Slot, find_slot, require_logical, require_slot

_OLDEST = 140000
_ALL_IS_WELL = "ok"


def findings(connection: psycopg.Connection, settings: PostgresSettings) -> list[Finding]:
    """Every check's result, good or bad."""
    tables = captured_tables(connection, settings)
    slot = find_slot(connection, settings.slot)
    return [
        _version(connection),
        _raised("wal_level", lambda: require_logical(connection), "logical"),
        _slots_left(connection, slot),
        _senders_left(connection, slot),
        _replication_right(connection),
        *_tables(connection, settings, tables),
        *_publications(connection, settings, tables),
        _slot(connection, settings, slot),
        *_budget(connection, slot),
        *_long_transactions(connection),
    ]


def _raised(subject: str, check: Callable[[], object], good: str) -> Finding:
    try:
        check()
    except SourceError as error:
        return Finding(
            subject, False, f"{error.message}: {error.detail}" if error.detail else error.message, error.hint
        )
    return Finding(subject, True, good)


def _version(connection: psycopg.Connection) -> Finding:
    version = connection.info.server_version
    shown = f"PostgreSQL {version // 10000}.{version % 10000}"
    return Finding("server version", version >= _OLDEST, shown, "" if version >= _OLDEST else "Upgrade to 14 or later.")


def _slots_left(connection: psycopg.Connection, slot: Slot | None) -> Finding:
    used, most = _counted(connection, "select count(*) from pg_replication_slots", "max_replication_slots")
    # One for us, and one for a moment when a broken-off snapshot goes on or a comparison is made.
    needed = 1 if slot else 2
    return Finding(
        "max_replication_slots",
        most - used >= needed,
        f"{used} of {most} are in use",
        "" if most - used >= needed else f"alter system set max_replication_slots = {used + 4}; then restart.",
    )


def _senders_left(connection: psycopg.Connection, slot: Slot | None) -> Finding:
    used, most = _counted(connection, "select count(*) from pg_stat_replication", "max_wal_senders")
    needed = 1 if slot and slot.process else 2
    return Finding(
        "max_wal_senders",
        most - used >= needed,
        f"{used} of {most} are in use",
        "" if most - used >= needed else f"alter system set max_wal_senders = {used + 4}; then restart.",
    )


def _counted(connection: psycopg.Connection, query: str, setting: str) -> tuple[int, int]:
    row = connection.execute(f"select ({query}), current_setting('{setting}')::int").fetchone()
    assert row is not None
    return row[0], row[1]


def _replication_right(connection: psycopg.Connection) -> Finding:
    row = connection.execute(
        "select rolname, rolreplication or rolsuper or exists (select from pg_roles g"
        " where g.rolname in ('rds_replication', 'rds_superuser') and pg_has_role(r.oid, g.oid, 'member'))"
        " from pg_roles r where rolname = current_user"
    ).fetchone()
    assert row is not None
    name, allowed = row
    message = f'role "{name}" may replicate' if allowed else f'role "{name}" may not replicate'
    return Finding("replication right", allowed, message, "" if allowed else f'alter role "{name}" replication;')


def _tables(
    connection: psycopg.Connection, settings: PostgresSettings, tables: list[CapturedTable]
) -> Iterator[Finding]:
    if not tables:
        yield Finding("tables", False, "no table matches the settings", "Look at `tables` and `exclude` in till.toml.")
        return
    yield Finding("tables", True, f"{len(tables)} are captured")
    yield _raised("named tables", lambda: check_named(tables, settings), _ALL_IS_WELL)
    for table in tables:
        result = _raised(table.full_name, partial(check_table, table, connection.info.server_version), _ALL_IS_WELL)
        if not result.ok:
            yield result
    for table in _unreadable(connection, tables):
        hint = f"grant select on {table.sql_name} to {connection.info.user};"
        yield Finding(table.full_name, False, "may not be read", hint)


def _unreadable(connection: psycopg.Connection, tables: Iterable[CapturedTable]) -> list[CapturedTable]:
    allowed = "has_any_column_privilege(%s::oid, 'select')"
    return [table for table in tables if connection.execute(f"select {allowed}", [table.id]).fetchone() != (True,)]


def _publications(
    connection: psycopg.Connection, settings: PostgresSettings, tables: list[CapturedTable]
) -> Iterator[Finding]:
    for name, wanted in assigned(tables, settings).items():
        row = connection.execute("select puballtables from pg_publication where pubname = %s", [name]).fetchone()
        subject = f'publication "{name}"'
        if row is None:
            yield Finding(subject, True, "is made when the pipeline starts")
            continue
        present = members(connection, name)
        absent = [table.full_name for table in wanted if table.full_name not in present and not row[0]]
        message = f"lacks {', '.join(absent)}; they are added when the pipeline starts" if absent else _ALL_IS_WELL
        yield Finding(subject, True, message)


def _slot(connection: psycopg.Connection, settings: PostgresSettings, slot: Slot | None) -> Finding:
    subject = f'replication slot "{settings.slot}"'
    if slot is None:
        return Finding(subject, True, "is made when the pipeline starts")
    state = f"in use by process {slot.process}" if slot.process else "idle"
    return _raised(subject, lambda: require_slot(connection, settings.slot), state)


def _budget(connection: psycopg.Connection, slot: Slot | None) -> Iterator[Finding]:
    row = connection.execute(
        "select current_setting('max_slot_wal_keep_size'), pg_size_pretty(%s::int8)",
        [slot.budget_bytes if slot else None],
    ).fetchone()
    assert row is not None
    most, left = row
    if most == "-1":
        yield Finding("max_slot_wal_keep_size", True, "no limit: a stopped pipeline makes the server keep all its log")
    elif slot is None or slot.budget_bytes is None:
        yield Finding("max_slot_wal_keep_size", True, most)
    else:
        tight = slot.wal_status in ("unreserved", "extended") and slot.budget_bytes < 1 << 30
        hint = "Start the pipeline, or raise max_slot_wal_keep_size." if tight else ""
        yield Finding("max_slot_wal_keep_size", not tight, f"{most}; {left} of log until the slot is lost", hint)


def _long_transactions(connection: psycopg.Connection) -> Iterator[Finding]:
    row = connection.execute(
        "select count(*), min(xact_start)::text from pg_stat_activity"
        " where backend_xid is not null and xact_start < now() - interval '10 minutes'"
    ).fetchone()
    assert row is not None
    if row[0]:
        hint = "select pid, state, query from pg_stat_activity where backend_xid is not null order by xact_start;"
        yield Finding("open transactions", False, f"{row[0]} since {row[1]}: the log can't be forgotten", hint)
