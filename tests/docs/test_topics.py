"""The page on topics shows what capture writes."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.destinations.rows import NOON, Row, changes
from tillstream.change import Column, ColumnType, Position, Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.destinations.kafka.destination import NEW_KEY_HEADER, OLD_KEY_HEADER
from tillstream.destinations.kafka.envelope import Origin
from tillstream.destinations.kafka.ledger import record
from tillstream.destinations.kafka.messages import messages
from tillstream.kafka.names import TABLE_HEADER, UNCHANGED, Names
from tillstream.kafka.tables import described
from tillstream.ledger import Entry

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "topics.md").read_text()
ORDERS = Table(
    "public",
    "orders",
    (
        Column("order_id", ColumnType("int64"), "bigint"),
        Column("total", ColumnType("decimal", 12, 2), "numeric(12,2)"),
        Column("paid", ColumnType("bool"), "boolean"),
        Column("placed_at", ColumnType("timestamptz"), "timestamp with time zone"),
        Column("note", ColumnType("text"), "text", missing="none"),
    ),
    ("order_id",),
)


def shown(name: str) -> Any:
    """The example of that name."""
    (text,) = re.findall(rf"```json {name}\n(.*?)```", PAGE, re.DOTALL)
    return json.loads(text)


def test_a_rows_message_is_the_one_that_is_shown(engine: Warehouse) -> None:
    texts = {"order_id": "7", "total": "12.50", "paid": "t", "placed_at": "2026-03-01 12:00:00.123456+00"}
    piece = changes(ORDERS, Row(26738480, "I", {**texts, "note": None}, 3))
    now = NOON + timedelta(seconds=1)

    (found,) = messages(piece, Workbench(engine), Origin("shop", "store", "0.1.0"), now)

    assert (json.loads(found.keys[0] or b""), json.loads(found.values[0])) == (shown("key"), shown("value"))


def test_a_description_is_the_one_that_is_shown() -> None:
    assert json.loads(described(ORDERS)) == shown("table")


def test_progress_is_the_one_that_is_shown() -> None:
    last = 2**32 - 1
    entry = Entry("shop", 42, Position(26738000, last), Position(26738480, last), {"orders": 3}, "0f")
    assert json.loads(record(entry)) == shown("progress")


def test_every_topic_and_header_has_its_line() -> None:
    names = Names("shop")
    for word in (names.tables, names.progress, names.lanes, TABLE_HEADER, OLD_KEY_HEADER, NEW_KEY_HEADER, UNCHANGED):
        assert f"`{word}`" in PAGE or f'`"{word}"`' in PAGE, word
