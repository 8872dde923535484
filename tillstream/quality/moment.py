"""One moment in two places: the store and the warehouse at the same position of the log, while changes flow.

The pump is held between two batches, the store's snapshot is exported at an exact log position, the
pump is let on to just that position, and the warehouse's tables are cloned (hard links, no copying). Then
the pump goes on; the comparison takes as long as it likes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from tillstream.destinations.clickhouse.client import Warehouse, literals, quoted
from tillstream.errors import SourceError, SourceUnreachable, TillError
from tillstream.flow.gate import Gate

# A long transaction on the store keeps the snapshot from being made; the flow must not wait for it.
LONGEST_HOLD = 20.0
CLONED = ("mirror", "facts", "live")
PREFIX = "verify_"


class MomentMissed(TillError):
    """The store and the warehouse could not be brought to one position."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The store as of `lsn`, readable through `store`; the warehouse as of `lsn` in the databases `verify_…`."""

    lsn: int
    store: psycopg.Connection
    held_seconds: float


@contextmanager
def same_moment(url: str, warehouse: Warehouse, gate: Gate) -> Iterator[Moment]:
    """Hold, export, let on, clone, release; and clean up when the block ends.

    Raises MomentMissed when an open transaction on the store, or a stopped pump, is in the way.
    """
    try:
        with connected(url) as store:
            held_seconds, lsn = _catch(url, store, warehouse, gate)
            yield Moment(lsn, store, held_seconds)
    except psycopg.OperationalError as error:
        raise SourceUnreachable(
            "no connection to the store for the comparison", detail=str(error).strip(), hint="Is it running?"
        ) from error
    finally:
        drop_clones(warehouse)


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """A session that prints values the way every comparison expects."""
    with psycopg.connect(url, autocommit=True, application_name="till verify") as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def _catch(url: str, store: psycopg.Connection, warehouse: Warehouse, gate: Gate) -> tuple[float, int]:
    begun = time.monotonic()
    try:
        with gate.hold(LONGEST_HOLD), exported_snapshot(url) as (lsn, name):
            store.execute("begin isolation level repeatable read read only")
            store.execute(f"set transaction snapshot '{name}'")
            gate.advance_before(lsn, LONGEST_HOLD)
            clone(warehouse)
    except TimeoutError as error:
        raise MomentMissed(
            "store and warehouse did not meet at one position",
            detail=str(error),
            hint="Is the pipeline running and near the head of the log? `till status` shows its lag.",
        ) from error
    return time.monotonic() - begun, lsn


@contextmanager
def exported_snapshot(url: str) -> Iterator[tuple[int, str]]:
    """The log position and name of a snapshot that contains exactly the transactions committed before it."""
    with psycopg.connect(url, autocommit=True, replication="database", application_name="till verify") as connection:
        connection.pgconn.exec_(f"set statement_timeout = {int(LONGEST_HOLD * 500)}".encode())
        # The replication grammar knows its words in capitals only.
        command = b"CREATE_REPLICATION_SLOT till_verify_%d TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')"
        result = connection.pgconn.exec_(command % connection.info.backend_pid)
        if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
            raise _no_snapshot(result)
        lsn, name = result.get_value(0, 1), result.get_value(0, 2)
        assert lsn is not None
        assert name is not None
        high, _, low = lsn.decode().partition("/")
        yield int(high, 16) << 32 | int(low, 16), name.decode()


def _no_snapshot(result: psycopg.pq.abc.PGresult) -> TillError:
    state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
    text = result.error_message.decode(errors="replace").strip()
    if state == b"57014":
        return MomentMissed(
            "the store did not give a snapshot in time",
            detail="A transaction that has been open for a while keeps it from reaching a consistent point.",
            hint="select pid, xact_start, query from pg_stat_activity where xact_start < now() - interval '10 s';",
        )
    if state == b"53400":
        return SourceError(
            "no replication slot is free for the comparison",
            detail=text,
            hint="Raise max_replication_slots by one and restart the server.",
        )
    return SourceError("the store gave no snapshot for the comparison", detail=text)


def clone(warehouse: Warehouse) -> None:
    """Clone every table of the cloned layers as it is now."""
    drop_clones(warehouse)
    tables = warehouse.rows(
        f"select database, name from system.tables where database in ({literals(CLONED)}) and engine like '%MergeTree'"
    )
    for database in CLONED:
        warehouse.execute(f"create database if not exists {PREFIX}{database}")
    for database, name in tables:
        warehouse.execute(f"create table {PREFIX}{database}.{quoted(name)} clone as {database}.{quoted(name)}")


def drop_clones(warehouse: Warehouse) -> None:
    """Remove what was cloned for a moment, or left behind by a crash."""
    for (database,) in warehouse.rows(f"select name from system.databases where startsWith(name, '{PREFIX}')"):
        warehouse.execute(f"drop database if exists {quoted(database)} sync")
