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
from tillstream.errors import MomentMissed, SnapshotDelayed, SourceUnreachable
from tillstream.flow.pump import Pump
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.slot import created_slot

# A long transaction on the store keeps the snapshot from being made; the flow must not wait for it.
LONGEST_HOLD = 20.0
CLONED = ("mirror", "facts", "live")
PREFIX = "verify_"


@dataclass(frozen=True, slots=True)
class Moment:
    """The store as of `lsn`, readable through `store`; the warehouse as of `lsn` in the databases `verify_…`."""

    lsn: int
    store: psycopg.Connection
    held_seconds: float


@contextmanager
def same_moment(url: str, warehouse: Warehouse, pump: Pump) -> Iterator[Moment]:
    """Hold, export, let on, clone, release; and clean up when the block ends.

    Raises MomentMissed when an open transaction on the store, or a stopped pump, is in the way.
    """
    try:
        with connected(url) as store:
            held_seconds, lsn = _catch(url, store, warehouse, pump)
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


def _catch(url: str, store: psycopg.Connection, warehouse: Warehouse, pump: Pump) -> tuple[float, int]:
    begun = time.monotonic()
    try:
        with pump.gate.hold(LONGEST_HOLD), exported_snapshot(url) as (lsn, name):
            store.execute("begin isolation level repeatable read read only")
            store.execute(f"set transaction snapshot '{name}'")
            pump.advance_before(lsn, LONGEST_HOLD)
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
    settings = PostgresSettings(url, slot="till_verify")
    try:
        with created_slot(settings, temporary=True, patience=LONGEST_HOLD / 2) as snapshot:
            yield snapshot.lsn, snapshot.name
    except SnapshotDelayed as error:
        raise MomentMissed("the store did not give a snapshot in time", detail=error.detail, hint=error.hint) from error


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
