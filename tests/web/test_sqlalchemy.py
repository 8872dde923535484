"""SQLAlchemy's dialect for ClickHouse, with the questions that Superset asks through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, MetaData, Table, column, create_engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from tests.web.conftest import World
from tests.web.shop import TOKEN


@pytest.fixture
def engine(world: World) -> Iterator[Engine]:
    engine = create_engine(f"clickhousedb://default@127.0.0.1:{world.port}/live")
    yield engine
    engine.dispose()


def test_schemas_tables_and_columns_are_reflected(world: World, engine: Engine) -> None:
    world.warehouse.execute("create view live.evens as select n from live.numbers where n % 2 = 0")
    found = inspect(engine)
    assert {"live", "mirror", "marts"} <= set(found.get_schema_names())
    assert "numbers" in found.get_table_names(schema="live")
    assert {"numbers", "evens"} <= {*found.get_table_names("live"), *found.get_view_names("live")}
    assert [each["name"] for each in found.get_columns("numbers", schema="live")] == ["n", "word"]
    assert found.has_table("numbers", schema="live")
    assert not found.has_table("nothing", schema="live")


def test_a_chart_as_superset_asks_for_it(engine: Engine) -> None:
    numbers = Table("numbers", MetaData(schema="live"), autoload_with=engine)
    parity = (numbers.c.n % 2).label("parity")
    inner = select(parity, numbers.c.word).where(numbers.c.n >= 10).subquery("virtual_table")
    chart = (
        select(inner.c.parity, func.count().label("count"))
        .select_from(inner)
        .group_by(inner.c.parity)
        .order_by(column("count").desc(), inner.c.parity)
        .limit(1000)
    )
    with engine.connect() as connection:
        assert connection.execute(chart).fetchall() == [(0, 495), (1, 495)]
        bound = text("select word from live.numbers where n = :n")
        assert connection.execute(bound, {"n": 7}).scalar() == "7"
        odd = connection.execute(select(numbers.c.n).where(numbers.c.word.like("99%")).limit(2)).fetchall()
        assert odd == [(99,), (990,)]
        assert connection.execute(text("select version()")).scalar()


def test_a_reader_does_not_write_through_it_and_a_writer_does(world: World, engine: Engine) -> None:
    statement = text("create table live.by_alchemy (n UInt64) engine = MergeTree order by n")
    with engine.connect() as connection, pytest.raises(DBAPIError, match="READONLY"):
        connection.execute(statement)
    writer = create_engine(f"clickhousedb://till:{TOKEN}@127.0.0.1:{world.port}/live")
    with writer.connect() as connection:
        connection.execute(statement)
        connection.execute(text("insert into live.by_alchemy values (1), (2)"))
    writer.dispose()
    assert world.rows("select count() from live.by_alchemy") == [[2]]
