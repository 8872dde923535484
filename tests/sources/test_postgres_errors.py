"""What can go wrong at a PostgreSQL, said so that one knows what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.services.postgres import QUICK, Database
from tests.sources.failing import fails
from tests.sources.shop import Shop
from tests.sources.worlds import slot_of
from tillstream.errors import (
    LogicalReplicationOff,
    PermissionMissing,
    Retry,
    SlotBusy,
    SlotLost,
    SnapshotDelayed,
    SourceError,
    SourceUnreachable,
)
from tillstream.simulate.server import EmbeddedPostgres
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.slot import created_slot
from tillstream.sources.postgres.source import PostgresSource


@pytest.fixture
def shop(database: Database) -> Shop:
    database.run("create table t (id int primary key, v text)")
    return Shop(database)


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


def test_an_open_transaction_that_holds_up_the_snapshot_is_told(shop: Shop) -> None:
    with psycopg.connect(shop.database.url) as other:
        other.execute("insert into t values (1, 'x')")
        with pytest.raises(SnapshotDelayed) as raised, created_slot(shop.settings, patience=0.3):
            pass
        assert raised.value.retry is Retry.LATER
        assert "pg_stat_activity" in raised.value.hint
        other.rollback()
    # Giving up has left nothing behind.
    shop.read(1)
