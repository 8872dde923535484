"""Each thing that can be wrong with a PostgreSQL is found, and its fix is printed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.services.postgres import QUICK, Database
from tests.sources.shop import Shop
from tests.sources.worlds import slot_of
from tillstream.errors import SourceError
from tillstream.ports import Finding
from tillstream.simulate.server import EmbeddedPostgres
from tillstream.sources.postgres.check import version_finding
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.source import PostgresSource


@pytest.fixture
def shop(database: Database) -> Shop:
    database.run("create table t (id int primary key, v text)")
    return Shop(database)


def wrong(shop: Shop) -> dict[str, Finding]:
    with shop.source() as source:
        return {finding.subject: finding for finding in source.check() if not finding.ok}


@pytest.mark.parametrize(
    ("definition", "message", "hint"),
    [
        (
            "for table t with (publish = 'insert')",
            'publication "tillstream" leaves out every update',
            "set (publish = 'insert, update, delete, truncate')",
        ),
        (
            "for all tables with (publish = 'insert, update, delete')",
            'publication "tillstream" leaves out every truncate',
            "set (publish = 'insert, update, delete, truncate')",
        ),
        (
            "for table t where (id > 5)",
            'publication "tillstream" leaves out rows of table "t"',
            "a `publication` of its own",
        ),
        (
            "for table parts",
            'publication "tillstream" sends changes of table "public.parts" under the names of its partitions',
            "set (publish_via_partition_root = true)",
        ),
    ],
)
def test_a_publication_that_leaves_changes_out_is_never_read_in_silence(
    shop: Shop, definition: str, message: str, hint: str
) -> None:
    shop.database.run("create table parts (id int primary key) partition by range (id)")
    shop.database.run("create table parts_1 partition of parts for values from (0) to (9)")
    shop.database.run(f"create publication tillstream {definition}")
    finding = wrong(shop)['publication "tillstream"']
    assert finding.message.startswith(message)
    assert hint in finding.hint
    with shop.source() as source, pytest.raises(SourceError) as raised:
        next(source.read(None))
    assert raised.value.message == message
    assert hint in raised.value.hint


def test_a_dropped_publication_is_found(shop: Shop) -> None:
    shop.read(1)
    shop.database.run("drop publication tillstream")
    finding = wrong(shop)['publication "tillstream"']
    assert finding.message == "was dropped: the server leaves out what is written without it"
    assert "till resync" in finding.hint


@contextmanager
def role(shop: Shop) -> Iterator[str]:
    """A login that may replicate and read, and owns nothing; yields the URL."""
    name = f"reader_{slot_of(shop.database)}"
    database = shop.database.value("select current_database()")
    shop.database.run(f"create role {name} login replication password 'x'", f"grant select on t to {name}")
    parts = urlsplit(shop.database.url)
    try:
        yield urlunsplit(parts._replace(netloc=f"{name}:x@{parts.hostname}:{parts.port}"))
    finally:
        shop.database.run(
            f"revoke all on database {database} from {name}", f"drop owned by {name}", f"drop role {name}"
        )


def test_a_publication_of_somebody_else_has_its_statement_printed(shop: Shop) -> None:
    with role(shop) as url, closing(PostgresSource(PostgresSettings(url, slot=slot_of(shop.database)))) as source:
        missing = next(each for each in source.check() if each.subject == 'publication "tillstream"')
        assert "can't make it: it does not own t" in missing.message
        statement = missing.hint.removeprefix("As an owner: ")
        shop.database.run(
            "create table later (id int primary key)", f"grant select on later to {urlsplit(url).username}"
        )
        shop.database.run(statement)
        lacking = next(each for each in source.check() if each.subject == 'publication "tillstream"')
        assert lacking.message.startswith("lacks public.later, and belongs to role")
        shop.database.run(lacking.hint)
        assert all(each.ok for each in source.check())


def test_a_slot_that_another_pipeline_reads_is_found_and_our_own_is_not(shop: Shop) -> None:
    shop.read(1)
    subject = f'replication slot "{slot_of(shop.database)}"'
    with shop.source() as reader, shop.source() as other:
        reading = reader.read(shop.position)
        next(reading)
        assert next(each for each in reader.check() if each.subject == subject).message == "in use by us"
        finding = next(each for each in other.check() if each.subject == subject)
        assert not finding.ok
        assert "of another pipeline" in finding.message
        assert "another `slot`" in finding.hint


def test_a_slot_that_was_left_behind_is_found(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.read(1)
    shop.database.run("insert into t select n, repeat('x', 100) from generate_series(1, 1000) n")
    monkeypatch.setattr("tillstream.sources.postgres.check.MUCH_LOG", 1000)
    finding = wrong(shop)[f'replication slot "{slot_of(shop.database)}"']
    assert finding.message.startswith("left behind: the server keeps")
    assert f"select pg_drop_replication_slot('{slot_of(shop.database)}')" in finding.hint


def test_a_server_that_is_set_up_badly_is_told_line_by_line(tmp_path: Path) -> None:
    poor = {**QUICK, "wal_level": "replica", "max_replication_slots": "1", "max_wal_senders": "1",
            "max_slot_wal_keep_size": "64MB", "idle_replication_slot_timeout": "1h"}  # fmt: skip
    with (
        EmbeddedPostgres(tmp_path / "postgres", poor) as server,
        psycopg.connect(server.url, autocommit=True) as connection,
    ):
        connection.execute("create table t (id int primary key)")
        found = wrong(Shop(Database(server.url, connection)))
    hints = {subject: finding.hint for subject, finding in found.items()}
    assert hints["wal_level"].startswith("alter system set wal_level = 'logical'")
    assert hints["max_replication_slots"] == "alter system set max_replication_slots = 4; then restart."
    assert hints["max_wal_senders"] == "alter system set max_wal_senders = 4; then restart."
    assert hints["max_slot_wal_keep_size"].startswith("alter system set max_slot_wal_keep_size = '10GB'")
    assert hints["idle_replication_slot_timeout"].startswith("alter system set idle_replication_slot_timeout = 0")


def test_a_server_that_is_too_old_is_told() -> None:
    assert version_finding(140002) == Finding("server version", True, "PostgreSQL 14.2")
    assert version_finding(130021) == Finding("server version", False, "PostgreSQL 13.21", "Upgrade to 14 or later.")


def test_encryption_that_one_side_lacks_is_told(shop: Shop) -> None:
    encrypted = PostgresSettings(f"{shop.database.url}?sslmode=require")
    with closing(PostgresSource(encrypted)) as source, pytest.raises(SourceError) as raised:
        source.check()
    assert "refuses the encryption" in raised.value.message
    assert "ssl = on" in raised.value.hint


def test_a_server_that_wants_encryption_is_told(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres", QUICK) as server, psycopg.connect(server.url) as connection:
        (access,) = tmp_path.rglob("pg_hba.conf")
        access.write_text("hostssl all all all trust\nlocal all all trust\n")
        connection.execute("select pg_reload_conf()")
        connection.commit()
        with closing(PostgresSource(PostgresSettings(server.url))) as source:
            raised = _refused(source)
    assert "refuses the unencrypted access" in raised.message
    assert "?sslmode=require" in raised.hint


def _refused(source: PostgresSource) -> SourceError:
    """The configuration is read again at once, but not before the next line runs."""
    for _ in range(200):
        try:
            source.check()
        except SourceError as error:
            return error
    raise AssertionError("the server still lets everybody in")


def test_a_host_nobody_knows_is_told() -> None:
    nowhere = PostgresSettings("postgresql://a@no.such.host.invalid/b")
    with closing(PostgresSource(nowhere)) as source, pytest.raises(SourceError) as raised:
        source.check()
    assert "no connection to the server" in raised.value.message
    assert "Correct the host's name" in raised.value.hint
