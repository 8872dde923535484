"""What the log says and how it is read: transactions, keys, TOAST, large and small."""

from __future__ import annotations

import json
import resource

import pytest

from tests.services.postgres import Database
from tests.sources.reading import ops, plain, read_until, rows_of
from tests.sources.shop import Shop
from tests.sources.worlds import log_end
from tillstream.quantities import Size
from tillstream.settings import BatchSettings


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_an_aborted_transaction_and_a_savepoint_leave_nothing(shop: Shop) -> None:
    shop.database.run("create table t (id int primary key)")
    shop.read(1)
    shop.database.run(
        "begin; insert into t values (1); rollback",
        "begin; insert into t values (2); savepoint s; insert into t values (3); rollback to s;"
        " insert into t values (4); commit",
    )
    assert [row["id"] for row in shop.rows()] == ["2", "4"]


def test_transactions_come_in_the_order_of_their_commits(shop: Shop) -> None:
    import psycopg

    shop.database.run("create table t (id int primary key)")
    shop.read(1)
    with psycopg.connect(shop.database.url) as first, psycopg.connect(shop.database.url) as second:
        first.execute("insert into t values (1)")
        second.execute("insert into t values (2)")
        second.commit()
        first.execute("insert into t values (3)")
        first.commit()
    rows = shop.rows()
    assert [row["id"] for row in rows] == ["2", "1", "3"]
    assert len({row["_till_xid"] for row in rows}) == 2
    assert rows[0]["_till_committed_at"] <= rows[1]["_till_committed_at"]


def test_a_prepared_transaction_comes_when_it_is_committed(shop: Shop) -> None:
    if shop.database.value("show max_prepared_transactions") == "0":
        pytest.skip("the server allows no prepared transactions")
    shop.database.run("create table t (id int primary key)")
    shop.read(1)
    shop.database.run("begin; insert into t values (1); prepare transaction 'p'", "insert into t values (2)")
    assert [row["id"] for row in shop.rows()] == ["2"]
    shop.database.run("commit prepared 'p'")
    assert [row["id"] for row in shop.rows()] == ["1"]


def test_a_key_change_is_a_delete_and_an_update(shop: Shop) -> None:
    shop.database.run(
        "create table t (a int, b text, v text, primary key (b, a))", "insert into t values (1, 'x', 'v')"
    )
    shop.read(1)
    shop.database.run("update t set a = 2")
    deleted, updated = shop.rows()
    assert ops([deleted, updated]) == "DU"
    assert deleted["_till_ordinal"] + 1 == updated["_till_ordinal"]
    assert plain(deleted) == {"a": "1", "b": "x", "v": None}
    assert plain(updated) == {"a": "2", "b": "x", "v": "v"}
    assert shop.mirrored("public.t") == shop.stored("t")


def test_keys_are_named_in_their_own_order(shop: Shop) -> None:
    shop.database.run("create table t (a int, b text, v text, primary key (b, a))")
    with shop.source() as source:
        (table,) = source.tables()
    assert table.key == ("b", "a")


def test_swapped_keys_in_one_transaction_end_right(shop: Shop) -> None:
    shop.database.run("create table t (id int primary key, v text)", "insert into t values (1, 'one'), (2, 'two')")
    shop.read(1)
    shop.database.run(
        "begin; update t set id = 3 where id = 1; update t set id = 1 where id = 2;"
        " update t set id = 2 where id = 3; commit"
    )
    shop.read()
    assert shop.mirrored("public.t") == shop.stored("t")


def test_one_truncate_of_several_tables_reaches_each(shop: Shop) -> None:
    shop.database.run("create table a (id int primary key)", "create table b (id int primary key, v text)")
    shop.read(1)
    shop.database.run(
        "insert into a values (1)",
        "insert into b values (1, 'x')",
        "begin; insert into a values (2); truncate a, b; insert into b values (3, 'y'); commit",
    )
    batches = shop.read()
    assert ops(rows_of(batches, "public.a")) == "IIT"
    assert ops(rows_of(batches, "public.b")) == "ITI"
    assert shop.mirrored("public.a") == []
    assert shop.mirrored("public.b") == [{"id": "3", "v": "y"}]


BIG = "(select string_agg(md5(g::text), '') from generate_series(1, 500) g)"


def test_an_unchanged_toast_value_is_named_and_null(shop: Shop) -> None:
    shop.database.run(
        "create table t (id int primary key, big text, other text, n int)",
        "alter table t alter big set storage external",
        "alter table t alter other set storage external",
        f"insert into t values (1, {BIG}, {BIG}, 1), (2, 'small', null, 1)",
    )
    shop.read(1)
    shop.database.run("update t set n = 2", f"update t set other = {BIG} || 'x' where id = 1")
    first, second, third = shop.rows()
    assert first["_till_unchanged"] == ["big", "other"]
    assert (first["big"], first["other"]) == (None, None)
    assert second["_till_unchanged"] == []
    assert second["big"] == "small"
    assert third["_till_unchanged"] == ["big"]
    assert third["other"].endswith("x")
    assert shop.mirrored("public.t") == shop.stored("t")


def test_under_full_identity_toast_is_completed_and_old_rows_come_along(shop: Shop) -> None:
    shop.database.run(
        "create table t (id int primary key, big text, n int, note text)",
        "alter table t alter big set storage external",
        "alter table t replica identity full",
        f"insert into t values (1, {BIG}, 1, E'a \"quoted\"\\nline')",
    )
    big = shop.database.value("select big from t")
    shop.read(1)
    shop.database.run("update t set n = 2", "update t set id = 9", "delete from t")
    updated, left, moved, deleted = shop.rows()
    assert ops([updated, left, moved, deleted]) == "UDUD"
    assert updated["_till_unchanged"] == []
    assert updated["big"] == big
    assert json.loads(updated["_till_before"]) == {"id": "1", "big": big, "n": "1", "note": 'a "quoted"\nline'}
    assert left["id"] == "1"
    assert moved["id"] == "9"
    assert json.loads(moved["_till_before"])["id"] == "1"
    assert json.loads(deleted["_till_before"])["n"] == "2"
    assert deleted["id"] == "9"


def test_old_rows_without_odd_characters_are_json_too(shop: Shop) -> None:
    shop.database.run(
        'create table t (id int primary key, "odd ""name" text)',
        "alter table t replica identity full",
        "insert into t values (1, null)",
    )
    shop.read(1)
    shop.database.run(
        'update t set "odd ""name" = \'é\'', "insert into t values (2, 'x')", "delete from t where id = 1"
    )
    updated, inserted, deleted = shop.rows()
    assert json.loads(updated["_till_before"]) == {"id": "1", 'odd "name': None}
    assert inserted["_till_before"] is None
    assert json.loads(deleted["_till_before"]) == {"id": "1", 'odd "name': "é"}


def test_a_replica_identity_index_is_the_key(shop: Shop) -> None:
    shop.database.run(
        "create table t (id int primary key, code text not null, v int)",
        "create unique index by_code on t (code)",
        "alter table t replica identity using index by_code",
        "insert into t values (1, 'a', 1), (2, 'b', 1)",
    )
    shop.read(1)
    shop.database.run("update t set v = 2 where id = 1", "delete from t where id = 2")
    assert {changes.table.key for batch in shop.read() for changes in batch.changes} == {("code",)}
    assert shop.mirrored("public.t") == [{"id": "1", "code": "a", "v": "2"}]


def test_partitions_come_as_their_root(shop: Shop) -> None:
    shop.database.run(
        "create table t (id int primary key, v text) partition by range (id)",
        "create table t_low partition of t for values from (0) to (100)",
        "create table t_high partition of t for values from (100) to (200)",
        "insert into t values (1, 'low'), (150, 'high')",
    )
    shop.read(1)
    shop.database.run("update t set id = 151 where id = 1", "insert into t_low values (2, 'x')")
    shop.read()
    assert {changes.table.name for batch in shop.batches for changes in batch.changes} == {"t"}
    assert shop.mirrored("public.t") == shop.stored("t")


def test_a_child_table_does_not_come_twice(shop: Shop) -> None:
    shop.database.run(
        "create table parent (id int primary key, v text)",
        "create table child (primary key (id)) inherits (parent)",
        "insert into parent values (1, 'p')",
        "insert into child values (2, 'c')",
    )
    shop.read(1)
    shop.database.run("insert into child values (3, 'd')")
    shop.read()
    assert [row["id"] for row in shop.mirrored("public.parent")] == ["1"]
    assert [row["id"] for row in shop.mirrored("public.child")] == ["2", "3"]


def test_an_excluded_column_never_leaves_the_server(shop: Shop) -> None:
    shop = Shop(shop.database, exclude=("public.people.secret", "public.hidden"))
    shop.database.run(
        "create table people (id int primary key, name text, secret text)",
        "create table hidden (id int primary key)",
        "insert into people values (1, 'ann', 'hush')",
    )
    shop.read(1)
    shop.database.run("insert into people values (2, 'bob', 'hush')", "update people set secret = 'x'")
    shop.read()
    assert shop.mirrored("public.people") == [{"id": "1", "name": "ann"}, {"id": "2", "name": "bob"}]
    published = shop.database.value("select attnames::text from pg_publication_tables where tablename = 'people'")
    assert published == "{id,name}"


def test_an_excluded_column_that_is_added_later_is_not_kept(shop: Shop) -> None:
    shop = Shop(shop.database, exclude=("*.*.secret",))
    shop.database.run("create table people (id int primary key, name text)")
    with shop.source() as source:
        shop.position = read_until(source, 1)[-1].position
        shop.database.run("alter table people add secret text", "insert into people values (1, 'ann', 'hush')")
        rows = rows_of(read_until(source, log_end(shop.database), shop.position))
    assert [plain(row) for row in rows] == [{"id": "1", "name": "ann"}]


def test_a_table_without_a_key_is_followed_when_it_only_grows(shop: Shop) -> None:
    shop = Shop(shop.database, insert_only=("public.events",))
    shop.database.run("create table events (name text)", "insert into events values ('a'), ('a')")
    shop.read(1)
    shop.database.run(
        "insert into events values ('b')",
        "update events set name = 'c' where name = 'b'",
        "delete from events where name = 'a'",
    )
    assert [row["name"] for row in shop.rows()] == ["b"]
    assert [row["name"] for row in shop.mirrored("public.events")] == ["a", "a", "b"]
    shop.database.run("truncate events", "insert into events values ('d')")
    shop.read()
    assert [row["name"] for row in shop.mirrored("public.events")] == ["d"]


def test_a_large_transaction_needs_little_memory(shop: Shop) -> None:
    shop.database.run("create table t (id int primary key, v text)")
    shop.read(1)
    shop.database.run("insert into t select g, repeat('x', 300) from generate_series(1, 300000) g")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = biggest = 0
    with shop.source(limits=BatchSettings(rows=20_000, bytes=Size(4 << 20))) as source:
        for batch in source.read(shop.position):
            seen += batch.row_count
            biggest = max(biggest, batch.row_count)
            if seen == 300_000 and batch.position.ordinal == 0:
                break
    grown_megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert biggest <= 20_000
    # The transaction is 90 MB of text.
    assert grown_megabytes < 75


def test_many_tables_in_one_batch_keep_their_rows_apart(shop: Shop) -> None:
    for number in range(12):
        shop.database.run(f"create table t{number} (id int primary key, v{number} text)")
    shop.read(1)
    shop.database.run(
        "begin;" + ";".join(f"insert into t{n % 12} values ({n}, 'v{n}')" for n in range(600)) + "; commit"
    )
    shop.read()
    for number in range(12):
        assert shop.mirrored(f"public.t{number}") == shop.stored(f"t{number}")
