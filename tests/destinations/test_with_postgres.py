"""A real PostgreSQL into a real warehouse: whatever a table goes through, the mirror is what the table is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.postgres import Database
from tests.sources.shop import Shop
from tillstream.change import Batch
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination


class Town:
    """A shop whose changes go into a warehouse."""

    def __init__(self, database: Database, destination: ClickHouseDestination, warehouse: Warehouse) -> None:
        self.shop = Shop(database)
        self.destination = destination
        self.warehouse = warehouse
        self._number = 0

    def move(self, lsn: int | None = None) -> list[Batch]:
        batches = self.shop.read(lsn)
        for batch in batches:
            self._number += 1
            self.destination.write(self._number, batch, f"token {self._number}")
        return batches

    def mirrored(self, columns: str) -> list[tuple[object, ...]]:
        return self.warehouse.rows(f"select {columns} from mirror.t final where _deleted = 0 order by id")

    def stored(self, columns: str) -> list[tuple[object, ...]]:
        return self.shop.database.connection.execute(f"select {columns} from t order by id").fetchall()


@pytest.fixture
def town(database: Database, warehouse: Warehouse) -> Iterator[Town]:
    database.run(
        "create table t (id int primary key, a text, n numeric(5, 2))",
        "insert into t values (1, 'x', 1), (2, E'tab\\t\\\\', 2.50)",
    )
    destination = ClickHouseDestination(warehouse, {}, "store")
    town = Town(database, destination, warehouse)
    town.move(1)
    yield town
    destination.close()


def test_a_column_added_with_a_default_is_in_old_rows_too(town: Town) -> None:
    town.shop.database.run(
        "insert into t values (3, 'before', 3)",
        "alter table t add b int not null default 7, add c text default E'it''s\\t\\\\', add d int[] default '{1,2}'",
        "insert into t values (4, 'after', 4, 8, null, '{}')",
        "update t set a = 'again' where id = 1",
    )
    town.move()
    columns = "id, a, b, c, d"
    assert town.mirrored(columns) == town.stored(columns)
    assert [row[2] for row in town.mirrored(columns)] == [7, 7, 7, 8]


def test_a_table_is_followed_through_a_day_of_migrations(town: Town) -> None:
    town.shop.database.run(
        "alter table t alter id type bigint, alter n type numeric(10, 4)",
        "insert into t values (5000000000, 'big', 12.3456)",
        "alter table t add e timestamptz",
        "update t set e = '2024-01-01 10:00:00.5+00' where id = 2",
        "begin; delete from t where id = 1; update t set id = 9 where id = 2; alter table t drop a; commit",
        "insert into t values (10, 1, null)",
    )
    town.move()
    assert town.mirrored("id, n") == town.stored("id, n")
    assert town.mirrored("id, toString(e)") == [
        (9, "2024-01-01 10:00:00.500000"),
        (10, None),
        (5000000000, None),
    ]


def test_large_values_survive_updates_that_leave_them_out(town: Town) -> None:
    large = "(select string_agg(md5(i::text), '') from generate_series(1, 400) i)"
    town.shop.database.run(
        "alter table t alter a set storage external",
        f"insert into t values (3, {large}, 1)",
        "update t set n = n + 1 where id = 3",
        "update t set id = 4 where id = 3",
        "update t set n = n + 1 where id = 4",
    )
    town.move()
    town.shop.database.run("update t set id = 3, n = 9 where id = 4", "insert into t values (4, 'new', 1)")
    town.move()
    assert town.mirrored("id, a, n") == town.stored("id, a, n")
    left_out = town.warehouse.value("select countIf(notEmpty(_till_unchanged)) from bronze.t")
    assert left_out == 4
    assert town.warehouse.value("select count() from till.quarantine") == 0


def test_a_truncated_table_is_empty_and_fills_again(town: Town) -> None:
    town.shop.database.run("truncate t", "insert into t values (1, 'again', 1)")
    town.move()
    assert town.mirrored("id, a, n") == town.stored("id, a, n")
