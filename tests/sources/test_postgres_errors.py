"""What can go wrong at a PostgreSQL, said so that one knows what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.services.postgres import QUICK, Database
from tests.sources.shop import Shop
from tests.sources.worlds import slot_of
from tillstream.errors import (
    KeyMissing,
    LogicalReplicationOff,
    PermissionMissing,
    Retry,
    SlotBusy,
    SlotLost,
    SnapshotDelayed,
    SourceError,
    SourceUnreachable,
    TableMissing,
)
from tillstream.simulate.server import EmbeddedPostgres
from tillstream.sources.postgres import slot
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.source import PostgresSource


@pytest.fixture
def shop(database: Database) -> Shop:
    database.run("create table t (id int primary key, v text)")
    return Shop(database)


def fails(kind: type[SourceError], url: str, **settings: Any) -> SourceError:
    """The error that starting to read ends in; nothing in it gives a password away."""
    with closing(PostgresSource(PostgresSettings(url, **settings))) as source:
        with pytest.raises(kind) as raised:
            next(source.read(None))
        password = psycopg.conninfo.conninfo_to_dict(url).get("password")
        assert str(password) not in str(raised.value)
        assert str(password) not in repr(source.settings)
    assert raised.value.hint
    return raised.value


# ---------- no way in


def test_a_server_that_does_not_answer_is_tried_again(shop: Shop) -> None:
    error = fails(SourceUnreachable, "postgresql://till:s3cret@127.0.0.1:1/store")
    assert error.message == 'no connection to the server at "127.0.0.1:1/store"'
    assert error.retry is Retry.LATER


def test_a_wrong_password_is_not_tried_again(shop: Shop) -> None:
    info = shop.database.connection.info
    error = fails(SourceError, f"postgresql://till:wr0ng@127.0.0.1:{info.port}/{info.dbname}")
    assert error.message.endswith("refuses the password")
    assert error.retry is Retry.NEVER


def test_a_missing_database_is_named(shop: Shop) -> None:
    error = fails(SourceError, shop.database.url.rsplit("/", 1)[0] + "/nowhere")
    assert error.message.endswith('/nowhere" refuses the database')
    assert error.retry is Retry.NEVER


def test_a_missing_role_is_refused_like_a_wrong_password(shop: Shop) -> None:
    info = shop.database.connection.info
    error = fails(SourceError, f"postgresql://nobody:s3cret@127.0.0.1:{info.port}/{info.dbname}")
    assert error.retry is Retry.NEVER


@pytest.mark.parametrize("url", ["postgresql://till:s3cret@h/x?nonsense=1", "postgresql://till:s3cret%zz@h/x"])
def test_a_url_that_is_none_is_said_to_be_so(url: str) -> None:
    with pytest.raises(SourceError) as raised:
        next(PostgresSource(PostgresSettings(url)).read(None))
    assert raised.value.message == "the source's URL can't be read"
    assert "s3cret" not in str(raised.value)
    assert raised.value.retry is Retry.NEVER


# ---------- the server's settings


def test_a_server_without_logical_log_is_told(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres", {**QUICK, "wal_level": "replica"}) as server:
        error = fails(LogicalReplicationOff, server.url)
        assert error.message == 'the server\'s wal_level is "replica", not "logical"'
        with closing(PostgresSource(PostgresSettings(server.url))) as source:
            (finding,) = [finding for finding in source.check() if finding.subject == "wal_level"]
        assert not finding.ok
        assert "alter system set wal_level" in finding.hint


def test_a_server_with_no_slot_left_is_told(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres", {**QUICK, "max_replication_slots": "1"}) as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("select pg_create_physical_replication_slot('other')")
        error = fails(SourceError, server.url)
        assert error.message == "the server has no replication slot left"
        with closing(PostgresSource(PostgresSettings(server.url))) as source:
            assert "max_replication_slots" in {finding.subject for finding in source.check() if not finding.ok}


# ---------- rights


@pytest.fixture
def guest(shop: Shop) -> Iterator[str]:
    """The URL of a role that may log in, and nothing else."""
    role = f"guest_{slot_of(shop.database)}"
    shop.database.run(f"create role {role} login password 's3cret'")
    info = shop.database.connection.info
    yield f"postgresql://{role}:s3cret@127.0.0.1:{info.port}/{info.dbname}"
    shop.database.run(f"drop owned by {role} cascade", f"drop role {role}")


def role_of(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["user"])


def publish_for(shop: Shop, publication: str) -> None:
    """What an administrator does for a role that owns nothing."""
    shop.database.run(f"create publication {publication} for table only t with (publish_via_partition_root = true)")


def test_a_role_that_may_not_publish_is_told_the_statement(shop: Shop, guest: str) -> None:
    error = fails(PermissionMissing, guest)
    assert error.message == f'role "{role_of(guest)}" may not publish the captured tables'
    assert error.hint.startswith('create publication "tillstream" for table only "public"."t" with (publish')


def test_a_role_that_may_not_replicate_is_told_the_statement(shop: Shop, guest: str) -> None:
    publish_for(shop, "tillstream")
    error = fails(PermissionMissing, guest)
    assert error.message == f'role "{role_of(guest)}" may not replicate'
    assert error.hint == f'alter role "{role_of(guest)}" replication;'


def test_a_role_that_may_not_read_is_told_the_statement(shop: Shop, guest: str) -> None:
    publish_for(shop, "tillstream")
    shop.database.run(f"alter role {role_of(guest)} replication")
    error = fails(PermissionMissing, guest, slot=slot_of(shop.database))
    assert error.message == f'role "{role_of(guest)}" may not read table "t"'
    assert error.hint == f'grant select on t to "{role_of(guest)}";'


def test_the_three_rights_are_enough(shop: Shop, guest: str) -> None:
    publish_for(shop, "tillstream")
    shop.database.run(f"alter role {role_of(guest)} replication", f"grant select on t to {role_of(guest)}")
    shop.database.run("insert into t values (1, 'x')")
    with closing(PostgresSource(PostgresSettings(guest, slot=slot_of(shop.database)))) as source:
        assert all(finding.ok for finding in source.check())
        assert next(source.read(None)).row_count == 1


def test_missing_rights_are_findings(shop: Shop, guest: str) -> None:
    with closing(PostgresSource(PostgresSettings(guest))) as source:
        bad = {finding.subject: finding.hint for finding in source.check() if not finding.ok}
    assert bad["replication right"] == f'alter role "{role_of(guest)}" replication;'
    assert bad["public.t"].startswith('grant select on "public"."t" to')


# ---------- the slot


def test_a_slot_in_use_is_tried_again(shop: Shop) -> None:
    shop.read(1)
    with shop.source() as first, shop.source() as second:
        reading = first.read(shop.position)
        next(reading)
        with pytest.raises(SlotBusy) as raised:
            next(second.read(shop.position))
        assert raised.value.message == f'replication slot "{slot_of(shop.database)}" is in use'
        assert "Process" in raised.value.detail
        assert raised.value.retry is Retry.LATER
        with pytest.raises(SlotBusy):
            next(second.read(None))


def test_a_dropped_slot_is_lost(shop: Shop) -> None:
    shop.read(1)
    shop.database.run(f"select pg_drop_replication_slot('{slot_of(shop.database)}')")
    with shop.source() as source:
        with pytest.raises(SlotLost) as raised:
            next(source.read(shop.position))
        assert raised.value.message == f'replication slot "{slot_of(shop.database)}" does not exist'
        assert "till resync" in raised.value.hint
        assert source.lag().slot_state == "missing"
        with pytest.raises(SlotLost):
            source.reread(shop.position, shop.position)  # type: ignore[arg-type]  # it was read


def test_a_slot_whose_log_was_removed_is_lost(tmp_path: Path) -> None:
    tight = {**QUICK, "max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"}
    with (
        EmbeddedPostgres(tmp_path / "postgres", tight) as server,
        psycopg.connect(server.url, autocommit=True) as connection,
    ):
        shop = Shop(Database(server.url, connection))
        shop.database.run("create table t (id int primary key, v text)")
        shop.read(1)
        for _ in range(4):
            shop.database.run("select pg_switch_wal()", "insert into t select 1 where false", "checkpoint")
            shop.database.run("create table filler as select generate_series(1, 200000) n", "drop table filler")
        shop.database.run("checkpoint")
        with shop.source() as source:
            with pytest.raises(SlotLost) as raised:
                next(source.read(shop.position))
            assert "has lost its log" in raised.value.message
            assert "max_slot_wal_keep_size" in raised.value.hint
            assert source.lag().slot_state == "lost"
            assert any("slot" in finding.subject for finding in source.check() if not finding.ok)


def test_the_slot_of_somebody_else_is_left_alone(shop: Shop) -> None:
    name = slot_of(shop.database)
    shop.database.run(f"select pg_create_physical_replication_slot('{name}')")
    try:
        error = fails(SourceError, shop.database.url, slot=name)
        assert error.message == f'replication slot "{name}" is not ours'
        assert shop.database.value(f"select count(*) from pg_replication_slots where slot_name = '{name}'") == 1
    finally:
        shop.database.run(f"select pg_drop_replication_slot('{name}')")


def test_an_open_transaction_that_holds_up_the_snapshot_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "_LONGEST_START_SECONDS", 1)
    with psycopg.connect(shop.database.url) as other:
        other.execute("insert into t values (1, 'x')")
        error = fails(SnapshotDelayed, shop.database.url, slot=slot_of(shop.database))
        assert error.retry is Retry.LATER
        assert "pg_stat_activity" in error.hint
        other.rollback()


# ---------- tables


def test_a_table_without_a_key_is_offered_insert_only(shop: Shop) -> None:
    shop.database.run("create table keyless (v text)")
    error = fails(KeyMissing, shop.database.url)
    assert error.message == 'table "public.keyless" has no primary key'
    assert 'add "public.keyless" to insert_only' in error.hint
    assert shop.database.value("select count(*) from pg_publication") == 0


def test_a_table_that_hides_its_identity_is_told(shop: Shop) -> None:
    shop.database.run("alter table t replica identity nothing")
    error = fails(KeyMissing, shop.database.url)
    assert error.message == 'table "public.t" has replica identity nothing'
    assert error.hint == 'alter table "public"."t" replica identity default;'


def test_a_named_table_that_is_missing_is_told(shop: Shop) -> None:
    error = fails(TableMissing, shop.database.url, tables=("public.t", "public.orders"))
    assert error.message == 'table "public.orders" does not exist'


def test_a_key_column_can_not_be_left_out(shop: Shop) -> None:
    error = fails(SourceError, shop.database.url, exclude=("public.t.id",))
    assert error.message == 'column "id" of table "public.t" can\'t be left out'


def test_columns_can_not_be_left_out_under_full_identity(shop: Shop) -> None:
    shop.database.run("alter table t replica identity full")
    error = fails(SourceError, shop.database.url, exclude=("public.t.v",))
    assert "while its replica identity is full" in error.message
    # The store itself must not notice us.
    shop.database.run("insert into t values (1, 'x')", "update t set v = 'y'", "delete from t")


def test_a_store_can_update_its_keyless_tables_while_they_are_captured(shop: Shop) -> None:
    shop = Shop(shop.database, insert_only=("public.keyless",))
    shop.database.run("create table keyless (v text)")
    shop.read(1)
    shop.database.run("insert into keyless values ('a')", "update keyless set v = 'b'", "delete from keyless")


def test_a_publication_that_was_dropped_is_not_made_again_in_silence(shop: Shop) -> None:
    """The server leaves out what is written without it, and says nothing."""
    shop.read(1)
    shop.database.run("drop publication tillstream", "insert into t values (1, 'missed')")
    with shop.source() as source, pytest.raises(SlotLost) as raised:
        next(source.read(shop.position))
    assert raised.value.message == 'publication "tillstream" does not exist'
    assert "till resync" in raised.value.hint


def test_a_publication_for_all_tables_is_used_as_it_is(shop: Shop) -> None:
    shop.database.run("create publication tillstream for all tables")
    shop.read(1)
    shop.database.run("insert into t values (1, 'x')")
    assert [row["id"] for row in shop.rows()] == ["1"]
    assert shop.database.value("select puballtables from pg_publication")


def test_the_doctor_names_each_table_that_can_not_be_captured(shop: Shop) -> None:
    shop.database.run("create table keyless (v text)", "create table hidden (id int primary key)")
    shop.database.run("alter table hidden replica identity nothing")
    with shop.source() as source:
        bad = {finding.subject for finding in source.check() if not finding.ok}
    assert bad == {"public.keyless", "public.hidden"}
