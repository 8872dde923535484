"""Tables that can't be captured as they are, and publications that are not ours alone."""

from __future__ import annotations

import pytest

from tests.services.postgres import Database
from tests.sources.failing import fails
from tests.sources.shop import Shop
from tillstream.errors import KeyMissing, SlotLost, SourceError, TableMissing


@pytest.fixture
def shop(database: Database) -> Shop:
    database.run("create table t (id int primary key, v text)")
    return Shop(database)


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
