"""Tables that change while they are captured."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.services.postgres import Database
from tests.sources.reading import plain, read_until, rows_of
from tests.sources.shop import Shop
from tests.sources.worlds import log_end
from tillstream.change import Changes
from tillstream.ledger import digest


@pytest.fixture
def shop(database: Database) -> Shop:
    database.run("create table t (id int primary key, a text, n numeric(5,2))", "insert into t values (1, 'x', 1)")
    shop = Shop(database)
    shop.read(1)
    return shop


def pieces(shop: Shop) -> list[Changes]:
    return [changes for batch in shop.read() for changes in batch.changes]


def spelled(changes: Changes) -> list[str]:
    return [f"{column.name} {column.declared}" for column in changes.table.columns]


CHANGES = {
    "added": ("alter table t add b int default 7", ["id integer", "a text", "n numeric(5,2)", "b integer"]),
    "dropped": ("alter table t drop a", ["id integer", "n numeric(5,2)"]),
    "renamed": ("alter table t rename a to z", ["id integer", "z text", "n numeric(5,2)"]),
    "widened": ("alter table t alter n type numeric(10,4)", ["id integer", "a text", "n numeric(10,4)"]),
    "retyped": ("alter table t alter id type bigint", ["id bigint", "a text", "n numeric(5,2)"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_rows_after_a_change_come_with_the_new_columns(shop: Shop, change: str) -> None:
    statement, columns = CHANGES[change]
    shop.database.run("insert into t values (2, 'y', 2)", statement, "insert into t (id, n) values (3, 3)")
    before, after = pieces(shop)
    assert spelled(before) == ["id integer", "a text", "n numeric(5,2)"]
    assert spelled(after) == columns
    assert after.rows.column_names[7:] == [column.split()[0] for column in columns]  # type: ignore[union-attr]
    assert (before.row_count, after.row_count) == (1, 1)


def test_a_change_inside_a_transaction_parts_its_rows(shop: Shop) -> None:
    shop.database.run(
        "begin; insert into t values (2, 'y', 2); alter table t add b int; insert into t values (3, 'z', 3, 4);"
        " alter table t drop b; insert into t values (4, 'w', 4); commit"
    )
    assert [len(changes.table.columns) for changes in pieces(shop)] == [3, 4, 3]


def test_columns_in_another_order_are_told_by_name(shop: Shop) -> None:
    shop.database.run(
        "alter table t drop a", "alter table t add a text", "insert into t (id, a, n) values (5, 'again', 5)"
    )
    (changes,) = pieces(shop)
    assert spelled(changes) == ["id integer", "n numeric(5,2)", "a text"]
    assert plain(rows_of(shop.batches[-2:])[-1])["a"] == "again"


def test_a_change_of_the_key_is_followed(shop: Shop) -> None:
    shop.database.run(
        "alter table t drop constraint t_pkey, alter a set not null, add primary key (a)",
        "insert into t values (2, 'y', 2)",
        "update t set n = 9 where a = 'y'",
    )
    assert {changes.table.key for changes in pieces(shop)} == {("a",)}


def test_an_enum_that_grows_and_a_new_type_are_known(shop: Shop) -> None:
    shop.database.run(
        "create type mood as enum ('ok')",
        "alter table t add m mood",
        "insert into t values (2, 'y', 2, 'ok')",
    )
    shop.read()
    shop.database.run("alter type mood add value 'sad'")
    shop.database.run("insert into t values (3, 'y', 2, 'sad')")
    (changes,) = pieces(shop)
    assert changes.table.column("m").type.kind == "enum"
    assert rows_of(shop.batches[-2:])[-1]["m"] == "sad"


def test_rows_of_a_table_that_is_gone_can_still_be_read(shop: Shop) -> None:
    shop.database.run("insert into t values (2, 'y', 2)", "drop table t")
    (changes,) = pieces(shop)
    assert spelled(changes) == ["id integer", "a text", "n numeric(5,2)"]
    assert changes.table.key == ("id",)


def test_a_batch_with_a_change_of_columns_reads_the_same_again(shop: Shop) -> None:
    shop.database.run(
        "insert into t values (2, 'y', 2)",
        "alter table t add b int",
        "insert into t values (3, 'y', 2, 4)",
        "update t set b = 5",
    )
    for batch in shop.read():
        with shop.source() as source:
            assert batch.after is not None
            again = source.reread(batch.after, batch.position)
        assert digest(again) == digest(batch)
        assert rows_of([again]) == rows_of([batch])


def test_a_table_made_later_is_taken_in_at_the_next_start(shop: Shop) -> None:
    shop.database.run("create table late (id int primary key)", "insert into late values (1)")
    shop.read()
    shop.database.run("insert into late values (2)")
    shop.read()
    assert shop.mirrored("public.late") == [{"id": "1"}, {"id": "2"}]


def test_a_table_made_later_is_taken_in_on_request(shop: Shop) -> None:
    with shop.source() as source:
        reading = source.read(shop.position)
        shop.batches.append(next(reading))
        shop.database.run("create table late (id int primary key)", "insert into late values (1)")
        source.refresh()
        while not rows_of(shop.batches, "public.late"):
            shop.batches.append(next(reading))
        shop.database.run("insert into late values (2)", "insert into t values (4, 'u', 1)")
        end = log_end(shop.database)
        while shop.batches[-1].position.lsn < end:
            shop.batches.append(next(reading))
    assert shop.mirrored("public.late") == [{"id": "1"}, {"id": "2"}]
    assert shop.mirrored("public.t") == shop.stored("t")


def test_a_crash_before_a_later_table_was_read_does_not_lose_it(shop: Shop) -> None:
    shop.settings = replace(shop.settings, insert_only=("public.key*",))
    shop.database.run("create table late (id int primary key)", "insert into late values (1)")
    shop.database.run("create table keyless (v text)", "insert into keyless values ('a'), ('a')")
    for _ in range(2):
        # What is read here is thrown away, as by a process that dies before it lands.
        with shop.source() as source:
            next(iter(source.read(shop.position)))
    shop.database.run("insert into keyless values ('b')")
    with shop.source() as source:
        for batch in source.read(shop.position):
            shop.batches.append(batch)
            source.acknowledge(batch.position)
            if shop.database.value("select obj_description(oid) like '%[]' from pg_publication limit 1"):
                break
    assert shop.mirrored("public.late") == [{"id": "1"}]
    assert [row["v"] for row in shop.mirrored("public.keyless")] == ["a", "a", "b"]
    shop.position = shop.batches[-1].position
    assert not any(batch.is_snapshot for batch in shop.read())


def test_reading_goes_on_from_within_the_snapshot_of_a_later_table(shop: Shop) -> None:
    shop.database.run("create table late (id int primary key)", "insert into late select generate_series(1, 100)")
    shop.database.run("insert into t values (5, 'v', 1)")
    from tillstream.settings import BatchSettings

    with shop.source(limits=BatchSettings(rows=3)) as source:
        batches = []
        for batch in source.read(shop.position):
            batches.append(batch)
            if rows_of(batches, "public.late"):
                break
    assert batches[-1].is_snapshot
    shop.database.run("delete from late where id = 50", "insert into late values (101)")
    with shop.source() as source:
        rest = read_until(source, log_end(shop.database), batches[-1].position)
    shop.batches += [*batches, *rest]
    assert shop.mirrored("public.late") == shop.stored("late")
    assert shop.mirrored("public.t") == shop.stored("t")


def test_a_column_added_beside_an_excluded_one_is_captured_with_all_its_rows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publication lists such a table's columns, so the log would never tell of another one."""
    monkeypatch.setattr("tillstream.sources.postgres.source.LOOK_AGAIN", 0.1)
    shop.database.run("create table person (id int primary key, secret text)", "insert into person values (1, 'x')")
    with shop.source(exclude=("public.person.secret",)) as source:
        reading = source.read(shop.position)
        while not rows_of(shop.batches, "public.person"):
            shop.batches.append(next(reading))
        # The chunk that brought the row may still hold the table; it lets go when it is read on.
        statements = ("alter table person add column points int", "update person set points = 7")
        altering = threading.Thread(target=shop.database.run, args=statements)
        altering.start()
        while not any(row.get("points") == "7" for row in rows_of(shop.batches, "public.person")):
            shop.batches.append(next(reading))
        altering.join()
        shop.database.run("insert into person values (2, 'y', 8)")
        while not any(row.get("points") == "8" for row in rows_of(shop.batches, "public.person")):
            shop.batches.append(next(reading))
    assert all("secret" not in row for row in rows_of(shop.batches, "public.person"))
