"""Going on after breaks: in the snapshot, in the log, after a restart of the server."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from tests.services.postgres import QUICK, Database
from tests.services.proxy import Proxy
from tests.sources.reading import Mirror, ops, read_until, rows_of
from tests.sources.shop import Shop
from tests.sources.worlds import log_end, slot_of
from tillstream.change import Batch
from tillstream.errors import SourceUnreachable
from tillstream.settings import BatchSettings
from tillstream.simulate.server import EmbeddedPostgres
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.source import PostgresSource

SMALL = BatchSettings(rows=3)
TABLES = ("a", "b", "c")


def first_batches(shop: Shop, count: int) -> list[Batch]:
    """The next batches and no more, as a process gets them that dies then."""
    with shop.source() as source, closing(cast(Any, source.read(shop.position))) as reading:
        batches = [next(reading) for _ in range(count)]
    shop.position = batches[-1].position
    shop.batches += batches
    return batches


def write_everywhere(database: Database, round: int) -> None:
    for table in TABLES:
        database.run(
            f"insert into {table} values ('{round:03}-new', 'n{round}')",
            f"update {table} set v = 'u{round}' where id like '%{round % 10}'",
            f"delete from {table} where id like '%7{round % 10}'",
            f"update {table} set id = 'moved-{round}' where id = '05{round % 10}'",
        )


def test_a_snapshot_survives_a_break_after_every_batch(database: Database) -> None:
    for table in TABLES:
        database.run(
            f"create table {table} (id text primary key, v text)",
            f"insert into {table} select to_char(g, 'FM000'), E'tab\\tand \\\\ ' || g from generate_series(1, 90) g",
        )
    shop = Shop(database, limits=SMALL)
    round = 0
    while shop.position is None or shop.position.lsn == 0:
        first_batches(shop, 1)
        write_everywhere(database, round)
        round += 1
    assert round > len(TABLES) * 3
    shop.read()
    for table in TABLES:
        assert shop.mirrored(f"public.{table}") == shop.stored(table)
    snapshot = [row for batch in shop.batches if batch.is_snapshot for row in rows_of([batch])]
    # Nothing was read twice, though it was read in many goes.
    assert len(snapshot) < 90 * 3 + round * 3


def test_small_tables_share_a_batch_and_a_break_goes_on_behind_it(database: Database) -> None:
    for table, count in zip(TABLES, (12, 14, 8), strict=True):
        database.run(
            f"create table {table} (id int primary key)", f"insert into {table} select generate_series(1, {count})"
        )
    shop = Shop(database, limits=SMALL)
    (first,) = first_batches(shop, 1)
    assert first.row_counts == {"a": 12, "b": 14}
    shop.read()
    assert len(rows_of([batch for batch in shop.batches if batch.is_snapshot])) == 34


KEYS = {
    "two columns": ("a int, b text, primary key (b, a)", "g % 7, 'k' || g", "b, a"),
    "odd text": ("a text primary key", r"E'q''\\' || E'\t' || g || E'\n'", "a"),
    "time": ("a timestamptz primary key", "'2024-01-01'::timestamptz + g * interval '1 s'", "a"),
    "uuid": ("a uuid primary key", "md5(g::text)::uuid", "a"),
    "number": ("a numeric primary key", "g / 3.0", "a"),
    "negative": ("a int primary key", "g - 20", "a"),
}


@pytest.mark.parametrize("key", KEYS)
def test_a_snapshot_goes_on_behind_any_kind_of_key(database: Database, key: str) -> None:
    columns, values, _ = KEYS[key]
    database.run(f"create table t ({columns})", f"insert into t select {values} from generate_series(1, 70) g")
    shop = Shop(database, limits=SMALL)
    first_batches(shop, 1)
    shop.read(1)
    rows = [tuple(row.items()) for row in rows_of(shop.batches)]
    assert len(rows) == len(set(rows)) == 70


def test_a_table_without_a_key_starts_over(database: Database) -> None:
    database.run("create table t (v text)", "insert into t select 'v' || g from generate_series(1, 70) g")
    shop = Shop(database, limits=SMALL, insert_only=("public.t",))
    first_batches(shop, 1)
    database.run("insert into t values ('between')")
    first_batches(shop, 3)
    database.run("insert into t values ('between')")
    shop.read()
    database.run("insert into t values ('after')")
    shop.read()
    assert [row["v"] for row in shop.mirrored("public.t")][-3:] == ["between", "between", "after"]
    assert len(shop.mirrored("public.t")) == 73
    log = [changes for batch in shop.batches if not batch.is_snapshot for changes in batch.changes]
    assert sum(changes.row_count for changes in log) == 1


def test_a_finished_snapshot_is_not_read_again(database: Database) -> None:
    database.run("create table t (id int primary key)", "insert into t select generate_series(1, 10)")
    shop = Shop(database)
    first_batches(shop, 1)
    database.run("insert into t values (11)")
    assert [row["id"] for row in shop.rows()] == ["11"]
    assert sum(batch.is_snapshot for batch in shop.batches) == 1


def test_a_start_that_got_nowhere_leaves_no_slot_behind(database: Database) -> None:
    database.run("create table t (id int primary key)", "insert into t values (1)")
    shop = Shop(database)
    first_batches(shop, 1)
    shop.position, shop.batches = None, []
    database.run("insert into t values (2)")
    shop.read()
    assert shop.mirrored("public.t") == shop.stored("t")
    assert database.value(f"select count(*) from pg_replication_slots where slot_name like '{slot_of(database)}%'") == 1


def test_the_rows_of_a_table_are_estimated_though_nobody_analysed_it(database: Database) -> None:
    database.run(
        "create table a (id int primary key) with (autovacuum_enabled = off)",
        "create table b (id int primary key)",
        "insert into a select generate_series(1, 1000)",
    )
    with closing(PostgresSource(PostgresSettings(database.url, slot=slot_of(database)))) as source:
        expected = source.expected_rows()
    assert set(expected) == {"a", "b"}
    assert 500 < expected["a"] < 3000


# ---------- the server goes and comes back


def test_a_restart_of_the_server_loses_nothing(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres", QUICK) as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("create table t (id int primary key)")
        source = PostgresSource(PostgresSettings(server.url))
        reading = source.read(None)
        batches = [next(reading), next(reading)]
        restarted = threading.Thread(target=server.restart)
        restarted.start()
        with pytest.raises(SourceUnreachable) as raised:
            for batch in reading:
                batches.append(batch)
                source.acknowledge(batch.position)
        restarted.join()
        assert raised.value.hint
        assert "password" not in str(raised.value)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("insert into t values (1)")
            row = connection.execute("select (pg_current_wal_insert_lsn() - '0/0')::int8").fetchone()
        assert row is not None
        more = read_until(source, row[0], batches[-1].position)
        assert [row["id"] for row in rows_of(more)] == ["1"]
        assert source.lag().slot_state in ("active", "idle")
        source.close()


def test_a_cut_connection_is_an_error_that_heals(database: Database) -> None:
    host, port = database.connection.info.host, database.connection.info.port
    database.run("create table t (id int primary key)")
    with Proxy((host, port)) as proxy:
        url = database.url.replace(f":{port}/", f":{proxy.port}/")
        source = PostgresSource(PostgresSettings(url, slot=slot_of(database)))
        reading = source.read(None)
        _, position = next(reading), next(reading).position
        assert proxy.cut() > 0
        with pytest.raises(SourceUnreachable):
            for batch in reading:
                position = batch.position
        database.run("insert into t values (1)")
        assert [row["id"] for row in rows_of(read_until(source, log_end(database), position))] == ["1"]
        source.close()


def test_writes_while_the_snapshot_is_made_are_neither_lost_nor_doubled(database: Database) -> None:
    database.run(
        "create table t (id int primary key, v int)", "insert into t select g, 0 from generate_series(1, 500) g"
    )
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(database.url, autocommit=True) as connection:
            number = 1000
            while not stop.is_set():
                number += 1
                connection.execute("insert into t values (%s, 0)", [number])
                connection.execute("update t set v = v + 1 where id = %s", [number % 500])
                connection.execute("delete from t where id = %s", [number - 5])

    writer = threading.Thread(target=write)
    writer.start()
    shop = Shop(database, limits=SMALL)
    try:
        shop.read(1)
        shop.read()
    finally:
        stop.set()
        writer.join()
    shop.read()
    assert shop.mirrored("public.t") == shop.stored("t")
    assert ops(rows_of([batch for batch in shop.batches if not batch.is_snapshot]))
    assert Mirror().apply(shop.batches).rows("public.t") == shop.stored("t")
