"""Descriptions of tables: they lose nothing, and equal tables are known by one id."""

import re

from tillstream.change import Column, ColumnType, Table
from tillstream.kafka.names import Names
from tillstream.kafka.tables import described, identity, table_from

ORDERS = Table(
    "public",
    "orders",
    (
        Column("order_id", ColumnType("int64"), "bigint"),
        Column("total", ColumnType("decimal", 12, 2), "numeric(12,2)", missing="0.00"),
        Column("tags", ColumnType("array", element=ColumnType("text")), "text[]"),
    ),
    ("order_id",),
)


def test_a_table_comes_back_from_its_description() -> None:
    found = table_from(described(ORDERS))

    assert found == ORDERS
    assert found.column("total").missing == "0.00"


def test_another_column_is_another_description() -> None:
    wider = Table(ORDERS.schema, ORDERS.name, (*ORDERS.columns, Column("n", ColumnType("text"), "text")), ORDERS.key)

    assert identity(described(ORDERS)) == identity(described(table_from(described(ORDERS))))
    assert identity(described(ORDERS)) != identity(described(wider))


def test_the_pattern_takes_tables_and_nothing_else() -> None:
    names = Names("shop.eu")

    assert names.topic(ORDERS) == "shop.eu.public.orders"
    assert re.match(names.pattern, "shop.eu.public.orders")
    for other in (names.tables, names.progress, names.lanes, "shop.eu.orders", "shopXeu.public.orders"):
        assert not re.match(names.pattern, other)


def test_signs_that_a_topic_cannot_have_become_underscores() -> None:
    assert Names("shop").topic(Table("public", "Größe (cm)", (), ())) == "shop.public.Gr__e__cm_"
