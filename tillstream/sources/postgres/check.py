"""What `till doctor` says about a PostgreSQL: settings, rights, tables and slot, without changing anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import psycopg

from tillstream.ports import Finding
from tillstream.sources.postgres.catalog import CapturedTable, captured_tables
from tillstream.sources.postgres.check_publication import publication_findings, raised
from tillstream.sources.postgres.publication import check_named, check_table
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.slot import Slot, find_slot, lag_of, require_logical, require_slot

_OLDEST = 140000
_ALL_IS_WELL = "ok"

# A slot that keeps more log than this and that nobody reads was forgotten.
MUCH_LOG = 1 << 30
LEAST_BUDGET = 1 << 30


def findings(connection: psycopg.Connection, settings: PostgresSettings, *, reading: bool = False) -> list[Finding]:
    """Every check's result, good or bad. While we are `reading`, whoever has the slot is us."""
    tables = captured_tables(connection, settings)
    slot = find_slot(connection, settings.slot)
    return [
        version_finding(connection.info.server_version),
        *_standby(connection),
        raised("wal_level", lambda: require_logical(connection), "logical"),
        _slots_left(connection, slot),
        _senders_left(connection, slot),
        _replication_right(connection),
        *_tables(connection, settings, tables),
        *publication_findings(connection, settings, tables, slot),
        _slot(connection, settings, slot, reading),
        *_budget(connection, slot),
        *_idle_timeout(connection),
        *_long_transactions(connection),
    ]


def version_finding(version: int) -> Finding:
    """Whether a server of that version can be read."""
    shown = f"PostgreSQL {version // 10000}.{version % 10000}"
    return Finding("server version", version >= _OLDEST, shown, "" if version >= _OLDEST else "Upgrade to 14 or later.")


def _standby(connection: psycopg.Connection) -> Iterator[Finding]:
    row = connection.execute("select pg_is_in_recovery()").fetchone()
    if row == (True,):
        hint = "Use the primary's address in the source's URL."
        yield Finding("server", False, "it is a standby: its log can't be read by us", hint)


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
    yield raised("named tables", lambda: check_named(tables, settings), _ALL_IS_WELL)
    for table in tables:
        result = raised(table.full_name, partial(check_table, table, connection.info.server_version), _ALL_IS_WELL)
        if not result.ok:
            yield result
    for table in _unreadable(connection, tables):
        hint = f"grant select on {table.sql_name} to {connection.info.user};"
        yield Finding(table.full_name, False, "may not be read", hint)


def _unreadable(connection: psycopg.Connection, tables: Iterable[CapturedTable]) -> list[CapturedTable]:
    allowed = "has_any_column_privilege(%s::oid, 'select')"
    return [table for table in tables if connection.execute(f"select {allowed}", [table.id]).fetchone() != (True,)]


def _slot(connection: psycopg.Connection, settings: PostgresSettings, slot: Slot | None, reading: bool) -> Finding:
    subject = f'replication slot "{settings.slot}"'
    if slot is None:
        return Finding(subject, True, "is made when the pipeline starts")
    result = raised(subject, lambda: require_slot(connection, settings.slot), "in use by us" if reading else "idle")
    if result.ok and slot.process and not reading:
        hint = f"Stop that pipeline, or give this one another `slot`; select pg_terminate_backend({slot.process});"
        return Finding(subject, False, f"in use by process {slot.process} of another pipeline", hint)
    retained = lag_of(connection, settings.slot).retained_bytes or 0
    if result.ok and not slot.process and retained > MUCH_LOG:
        hint = f"`till run` goes on from there; if nobody will: select pg_drop_replication_slot('{settings.slot}');"
        return Finding(subject, False, f"left behind: the server keeps {retained / (1 << 30):.1f} GiB for it", hint)
    return result


def _budget(connection: psycopg.Connection, slot: Slot | None) -> Iterator[Finding]:
    row = connection.execute(
        "select current_setting('max_slot_wal_keep_size'), pg_size_pretty(%s::int8), setting::int8 << 20"
        " from pg_settings where name = 'max_slot_wal_keep_size'",
        [slot.budget_bytes if slot else None],
    ).fetchone()
    assert row is not None
    most, left, limit = row
    if most == "-1":
        yield Finding("max_slot_wal_keep_size", True, "no limit: a stopped pipeline makes the server keep all its log")
    elif limit < LEAST_BUDGET:
        words = f"{most}: a pipeline that is stopped while the store writes as much loses its place for good"
        hint = "alter system set max_slot_wal_keep_size = '10GB'; select pg_reload_conf();"
        yield Finding("max_slot_wal_keep_size", False, words, hint)
    elif slot is None or slot.budget_bytes is None:
        yield Finding("max_slot_wal_keep_size", True, most)
    else:
        tight = slot.wal_status in ("unreserved", "extended") and slot.budget_bytes < 1 << 30
        hint = "Start the pipeline, or raise max_slot_wal_keep_size." if tight else ""
        yield Finding("max_slot_wal_keep_size", not tight, f"{most}; {left} of log until the slot is lost", hint)


def _idle_timeout(connection: psycopg.Connection) -> Iterator[Finding]:
    """Since PostgreSQL 18 a slot may be given up for being idle."""
    row = connection.execute(
        "select current_setting('idle_replication_slot_timeout', true),"
        " coalesce((select setting::int from pg_settings where name = 'idle_replication_slot_timeout'), 0)"
    ).fetchone()
    assert row is not None
    if row[1]:
        words = f"{row[0]}: a pipeline that is stopped for as long loses its place"
        hint = "alter system set idle_replication_slot_timeout = 0; select pg_reload_conf();"
        yield Finding("idle_replication_slot_timeout", False, words, hint)


def _long_transactions(connection: psycopg.Connection) -> Iterator[Finding]:
    row = connection.execute(
        "select count(*), min(xact_start)::text from pg_stat_activity"
        " where backend_xid is not null and xact_start < now() - interval '10 minutes'"
    ).fetchone()
    assert row is not None
    if row[0]:
        hint = "select pid, state, query from pg_stat_activity where backend_xid is not null order by xact_start;"
        yield Finding("open transactions", False, f"{row[0]} since {row[1]}: the log can't be forgotten", hint)
