"""The replication slot: our place in the server's log, and the snapshots that go with it."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import pq

from tillstream.errors import LogicalReplicationOff, SlotBusy, SnapshotDelayed, SourceError
from tillstream.ports import SourceLag
from tillstream.sources.postgres.catalog import quoted
from tillstream.sources.postgres.connection import (
    checked,
    connect_for_replication,
    slot_gone,
    slot_invalidated,
    translated,
)
from tillstream.sources.postgres.lsn import format_lsn, parse_lsn
from tillstream.sources.postgres.settings import PostgresSettings

# Creating a slot waits for every transaction that is open; a forgotten one would keep us waiting for ever.
LONGEST_START_SECONDS = 60.0

_SLOT = """
select
    plugin, database, active_pid, (restart_lsn - '0/0')::int8, (confirmed_flush_lsn - '0/0')::int8, wal_status,
    safe_wal_size, to_jsonb(s) ->> 'invalidation_reason', database = current_database()
from pg_replication_slots s
where slot_name = %s
"""

# The setting is in MiB; -1 is no limit.
_END_AND_LIMIT = """
select (pg_current_wal_lsn() - '0/0')::int8, nullif(setting, '-1')::int8 << 20
from pg_settings where name = 'max_slot_wal_keep_size'
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot as the server describes it."""

    plugin: str | None
    database: str | None
    process: int | None
    restart_lsn: int | None
    confirmed_lsn: int | None
    wal_status: str | None
    budget_bytes: int | None
    invalidation: str | None
    is_here: bool | None


@dataclass(frozen=True, slots=True)
class ExportedSnapshot:
    """A snapshot others may read in: exactly what was committed before `lsn`. Gone with its session."""

    name: str
    lsn: int


def find_slot(connection: psycopg.Connection, name: str) -> Slot | None:
    """The slot of that name, usable or not."""
    row = connection.execute(_SLOT, [name]).fetchone()
    return Slot(*row) if row else None


def require_slot(connection: psycopg.Connection, name: str) -> Slot:
    """The slot, or SlotLost when it can't give us the log."""
    slot = find_slot(connection, name)
    if slot is None:
        raise slot_gone(name)
    if slot.wal_status == "lost" or slot.invalidation:
        raise slot_invalidated(name, f"The server says: {slot.invalidation or 'wal_status is lost'}.")
    require_ours(slot, name)
    return slot


def require_logical(connection: psycopg.Connection) -> None:
    """LogicalReplicationOff unless the log says which rows changed."""
    row = connection.execute("show wal_level").fetchone()
    if row is not None and row[0] != "logical":
        raise LogicalReplicationOff(row[0])


def drop_slot(connection: psycopg.Connection, name: str) -> None:
    """Remove the slot, if it is there and nobody reads it."""
    slot = find_slot(connection, name)
    if slot is None:
        return
    if slot.process is not None:
        raise SlotBusy(name, slot.process)
    require_ours(slot, name)
    connection.execute("select pg_drop_replication_slot(%s)", [name])


def require_ours(slot: Slot, name: str) -> None:
    """A SourceError when the slot serves another plugin or database."""
    if slot.plugin != "pgoutput" or not slot.is_here:
        raise SourceError(
            f'replication slot "{name}" is not ours',
            detail=f'It belongs to database "{slot.database}" and uses "{slot.plugin or "physical replication"}".',
            hint="Give this pipeline another `slot` in till.toml.",
        )


@contextmanager
def created_slot(
    settings: PostgresSettings, *, temporary: bool = False, patience: float = LONGEST_START_SECONDS
) -> Iterator[ExportedSnapshot]:
    """A new slot, and the snapshot of the moment it starts at, which lasts as long as the block.

    A temporary slot lasts no longer than that either. SnapshotDelayed after `patience` seconds.
    """
    with closing(connect_for_replication(settings)) as connection:
        name = f"{settings.slot[:40]}_{connection.info.backend_pid}" if temporary else settings.slot
        kind = "TEMPORARY " if temporary else ""
        # The replication grammar knows its words in capitals only.
        command = f"CREATE_REPLICATION_SLOT {quoted(name)} {kind}LOGICAL pgoutput EXPORT_SNAPSHOT"
        with translated(settings):
            result = checked(_patiently(connection.pgconn, command, patience))
        lsn, snapshot = result.get_value(0, 1), result.get_value(0, 2)
        assert lsn is not None
        assert snapshot is not None
        yield ExportedSnapshot(snapshot.decode(), parse_lsn(lsn.decode()))


def _patiently(pgconn: pq.abc.PGconn, command: str, patience: float) -> pq.abc.PGresult:
    """Run a replication command. The server's own timeouts don't count for those, so this one is ours."""
    pgconn.send_query(command.encode())
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN)
    give_up_at = time.monotonic() + patience
    while pgconn.is_busy():
        if poll.poll(100):
            pgconn.consume_input()
        elif time.monotonic() > give_up_at:
            pgconn.get_cancel().cancel()
            raise _delayed(patience)
    result = pgconn.get_result()
    assert result is not None
    while pgconn.get_result() is not None:
        pass
    return result


def _delayed(patience: float) -> SnapshotDelayed:
    return SnapshotDelayed(
        "an open transaction keeps the snapshot from starting",
        detail=f"The server waits for every transaction to end; after {patience:.0f} s one was still open.",
        hint="select pid, xact_start, state, query from pg_stat_activity order by xact_start limit 5;",
    )


def lag_of(connection: psycopg.Connection, name: str) -> SourceLag:
    """How far the log is ahead of the slot, and how much of it the slot holds."""
    slot = find_slot(connection, name)
    if slot is None:
        return SourceLag(None, None, None, "missing", name)
    row = connection.execute(_END_AND_LIMIT).fetchone()
    assert row is not None
    end, limit = row
    return SourceLag(
        behind_bytes=max(0, end - slot.confirmed_lsn) if slot.confirmed_lsn is not None else None,
        retained_bytes=max(0, end - slot.restart_lsn) if slot.restart_lsn is not None else None,
        budget_bytes=slot.budget_bytes,
        slot_state=_state_of(slot),
        slot=name,
        wal_status=slot.wal_status,
        limit_bytes=limit,
        log_end=end,
    )


def _state_of(slot: Slot) -> str:
    if slot.invalidation or slot.wal_status == "lost":
        return "lost"
    if slot.wal_status in ("extended", "unreserved"):
        return slot.wal_status
    return "active" if slot.process is not None else "idle"


def advance_slot(connection: psycopg.Connection, name: str, lsn: int) -> None:
    """Let the server forget the log up to `lsn`. An older position changes nothing."""
    connection.execute(
        "select pg_replication_slot_advance(slot_name, %s::pg_lsn) from pg_replication_slots"
        " where slot_name = %s and confirmed_flush_lsn < %s::pg_lsn",
        [format_lsn(lsn), name, format_lsn(lsn)],
    )
