"""What the server may forget: what was acknowledged, and what is none of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from tests.services.postgres import Database
from tests.sources.reading import read_until, rows_of
from tests.sources.shop import Shop
from tests.sources.worlds import log_end, slot_of
from tillstream.change import Position
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.source import PostgresSource


def wait_for(claim: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.02)


def confirmed(database: Database) -> int:
    value = database.value(
        f"select (confirmed_flush_lsn - '0/0')::int8 from pg_replication_slots where slot_name = '{slot_of(database)}'"
    )
    assert isinstance(value, int)
    return value


def test_an_idle_table_holds_no_log(database: Database) -> None:
    database.run("create table t (id int primary key)", "create table busy (id int primary key)")
    with closing(
        PostgresSource(PostgresSettings(database.url, slot=slot_of(database), tables=("public.t",)))
    ) as source:
        reading = source.read(None)
        before = next(reading).position.lsn
        database.run("insert into busy select generate_series(1, 10000)")
        end = log_end(database)
        assert end - before > 500_000
        for batch in reading:
            assert not batch.changes
            source.acknowledge(batch.position)
            if confirmed(database) >= end:
                break


def test_the_server_forgets_only_what_is_acknowledged(database: Database) -> None:
    database.run("create table t (id int primary key)")
    with closing(PostgresSource(PostgresSettings(database.url, slot=slot_of(database)))) as source:
        reading = source.read(None)
        start = next(reading).position
        database.run("insert into t values (1)", "insert into t values (2)")
        end = log_end(database)
        kept: Position = start
        for batch in reading:
            if batch.position.lsn >= end:
                break
        assert confirmed(database) <= start.lsn
        reading.close()  # type: ignore[attr-defined]  # a generator
        assert [row["id"] for row in rows_of(read_until(source, end, kept))] == ["1", "2"]


def test_an_acknowledgement_arrives_when_the_reader_is_closed(database: Database) -> None:
    shop = Shop(database)
    database.run("create table t (id int primary key)")
    shop.read(1)
    database.run("insert into t values (1)")
    end = log_end(database)
    with shop.source() as source:
        batches = read_until(source, end, shop.position)
        source.acknowledge(batches[-1].position)
        reading = source.read(batches[-1].position)
        next(reading)
        reading.close()  # type: ignore[attr-defined]  # a generator
    wait_for(lambda: confirmed(database) >= end, "the slot did not move")


def test_closing_a_quiet_reader_takes_no_time(database: Database) -> None:
    database.run("create table t (id int primary key)")
    with closing(PostgresSource(PostgresSettings(database.url, slot=slot_of(database)))) as source:
        reading = source.read(None)
        for _ in range(3):
            next(reading)
        begun = time.monotonic()
        reading.close()  # type: ignore[attr-defined]  # a generator
        assert time.monotonic() - begun < 0.5


def test_a_quiet_log_still_gives_a_sign_of_life(database: Database) -> None:
    database.run("create table t (id int primary key)")
    with closing(PostgresSource(PostgresSettings(database.url, slot=slot_of(database)))) as source:
        reading = source.read(None)
        next(reading)
        begun = time.monotonic()
        for _ in range(5):
            assert next(reading).changes == ()
        assert time.monotonic() - begun < 5.0
