"""Every type of PostgreSQL comes out of a topic as the text that PostgreSQL printed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from tests.services.postgres import Database
from tests.sources.reading import plain, rows_of
from tests.sources.shop import Shop
from tests.sources.test_postgres_types import PREPARATION, TYPES, columns, values
from tillstream.change import Batch, Changes, Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.destinations.kafka.envelope import Origin
from tillstream.destinations.kafka.messages import messages as sent_of
from tillstream.kafka.connection import KafkaSettings
from tillstream.kafka.tables import described, identity
from tillstream.sources.kafka.decode import Decoder
from tillstream.sources.kafka.descriptions import Descriptions
from tillstream.sources.kafka.messages import Messages
from tillstream.sources.kafka.settings import ReadingSettings

SETTINGS = KafkaSettings("nowhere", "shop")
LONGEST = max(len(texts) for _, _, texts in TYPES) + 1


class Known(Descriptions):
    """Descriptions that need no cluster."""

    def __init__(self, tables: Iterable[Table]) -> None:
        super().__init__(SETTINGS)
        self._known = {identity(described(table)): table for table in tables}


@pytest.fixture
def shop(database: Database) -> Shop:
    database.run(*PREPARATION, f"create table kinds (id int primary key, {columns()})")
    return Shop(database)


def through_messages(engine: Warehouse, batches: Iterable[Batch]) -> list[Changes]:
    """The changes as capture writes them and a loader reads them, but for the way in between."""
    bench = Workbench(engine)
    every = [changes for batch in batches for changes in batch.changes]
    decoder = Decoder(bench, Known(changes.table for changes in every), ReadingSettings())
    found: list[Changes] = []
    for changes in every:
        sent = Messages(SETTINGS.names.topic(changes.table))
        for piece in sent_of(changes, bench, Origin("shop", "shop", "0"), datetime.now(UTC)):
            for place, (key, value) in enumerate(zip(piece.keys, piece.values, strict=True)):
                sent.partitions.append(0)
                sent.offsets.append(len(sent.offsets))
                sent.times.append(0)
                sent.keys.append(key)
                sent.values.append(value)
                sent.tables.append(identity(described(changes.table)))
                sent.moved.append(place in piece.moved)
        decoded = decoder.decode([sent], {})
        assert decoded.refused == ()
        found += decoded.changes
    return found


def rows_in(all_changes: Iterable[Changes]) -> list[dict[str, Any]]:
    return [row for changes in all_changes if isinstance(changes.rows, pa.Table) for row in changes.rows.to_pylist()]


def test_a_snapshot_comes_out_as_it_went_in(shop: Shop, engine: Warehouse) -> None:
    shop.database.run(*(f"insert into kinds values ({number}, {values(number)})" for number in range(LONGEST)))
    batches = shop.read(1)
    found = rows_in(through_messages(engine, batches))
    assert [plain(row) for row in found] == rows_of(batches)
    assert {row["_till_op"] for row in found} == {"R"}


@pytest.mark.parametrize("identity_of", ["default", "full"])
def test_the_log_comes_out_as_it_went_in_to_the_last_mark(shop: Shop, engine: Warehouse, identity_of: str) -> None:
    shop.database.run(f"alter table kinds replica identity {identity_of}")
    shop.read(1)
    shop.database.run(
        *(f"insert into kinds values ({number}, {values(number)})" for number in range(LONGEST)),
        "update kinds set c0 = false where id < 2",
        "update kinds set id = id + 100 where id = 1",
        "delete from kinds where id = 0",
        "truncate kinds",
    )
    batches = shop.read()
    given = [changes for batch in batches for changes in batch.changes]
    found = through_messages(engine, batches)
    assert rows_in(found) == rows_in(given)
    assert [changes.table for changes in found] == [changes.table for changes in given]


def test_a_value_that_was_left_out_stays_so(shop: Shop, engine: Warehouse) -> None:
    shop.database.run(
        "create table notes (id int primary key, mark int, note text, raw bytea)",
        "alter table notes alter note set storage external, alter raw set storage external",
    )
    shop.read(1)
    long = "repeat('x', 9000)"
    shop.database.run(f"insert into notes values (1, 1, {long}, {long}::bytea)", "update notes set mark = 2")
    batches = shop.read()
    found = rows_in(through_messages(engine, batches))
    assert found == rows_of(batches)
    assert found[1]["_till_unchanged"] == ["note", "raw"]
