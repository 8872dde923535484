"""What every source promises, held by the ones in memory, of PostgreSQL and of Kafka alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import pytest

from tests.services.kafka import Kafka
from tests.services.postgres import Database
from tests.sources.reading import Mirror, ops, read_until, rows_of
from tests.sources.topics import Topics, mock_cluster
from tests.sources.worlds import KafkaWorld, MemoryWorld, PostgresWorld, World
from tillstream.change import Batch, Position
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.ledger import digest
from tillstream.ports import Source


@pytest.fixture(params=["memory", "postgres", "mock-kafka", "kafka"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    match request.param:
        case "memory":
            yield MemoryWorld()
        case "postgres":
            yield PostgresWorld(cast(Database, request.getfixturevalue("database")))
        case "mock-kafka":
            with mock_cluster() as bootstrap:
                yield KafkaWorld(Topics(bootstrap, Workbench(request.getfixturevalue("engine"))))
        case _:
            kafka: Kafka = request.getfixturevalue("kafka")
            yield KafkaWorld(
                Topics(kafka.bootstrap, Workbench(request.getfixturevalue("engine")), kafka.prefix, kafka.admin)
            )


@pytest.fixture
def source(world: World) -> Iterator[Source]:
    with closing(cast(Any, world.source())) as opened:
        yield opened


def in_the_log(world: World, source: Source) -> Position:
    """Read the snapshot; what comes from here on is the log."""
    return read_until(source, 1)[-1].position


def test_rows_from_before_come_as_a_snapshot_and_later_ones_from_the_log(world: World, source: Source) -> None:
    world.insert((1, "apple"), (2, "pear"))
    batches = read_until(source, 1)
    assert batches[0].is_snapshot
    assert batches[0].after is None
    assert not batches[-1].changes
    end = world.insert((3, "plum"))
    more = read_until(source, end, batches[-1].position)
    assert Mirror().apply([*batches, *more]).rows("public.goods") == world.rows()
    assert [row["id"] for row in rows_of(more)] == ["3"]


def test_an_empty_store_has_a_log_too(world: World, source: Source) -> None:
    position = in_the_log(world, source)
    end = world.insert((1, "apple"))
    assert [row["name"] for row in rows_of(read_until(source, end, position))] == ["apple"]


def test_every_kind_of_write_arrives_in_order(world: World, source: Source) -> None:
    position = in_the_log(world, source)
    world.insert((1, "apple"), (2, None))
    world.rename(1, "green apple")
    world.remove(2)
    world.move(1, 10)
    world.clear()
    end = world.insert((4, ""))
    batches = read_until(source, end, position)
    rows = rows_of(batches)
    assert ops(rows) == "IIUDDUTI"
    assert [(row["id"], row["name"]) for row in rows] == [
        ("1", "apple"),
        ("2", None),
        ("1", "green apple"),
        ("2", None),
        ("1", None),
        ("10", "green apple"),
        (None, None),
        ("4", ""),
    ]
    places = [(row["_till_lsn"], row["_till_ordinal"]) for row in rows]
    assert places == sorted(set(places))
    assert Mirror().apply(batches).rows("public.goods") == world.rows()


def test_batches_link_up(world: World, source: Source) -> None:
    world.insert(*((id, "x") for id in range(10)))
    first = read_until(source, 1)
    for id in range(10, 20):
        end = world.insert((id, "y"))
    batches = [*first, *read_until(source, end, first[-1].position)]
    assert [batch.after for batch in batches] == [None, *(batch.position for batch in batches[:-1])]
    positions = [batch.position for batch in batches]
    assert positions == sorted(positions)
    assert sum(batch.transaction_count for batch in batches) == 10


def test_a_transaction_larger_than_a_batch_is_cut_inside(world: World, source: Source) -> None:
    position = in_the_log(world, source)
    end = world.insert(*((id, "x") for id in range(1, 9)))
    batches = [batch for batch in read_until(source, end, position) if batch.changes]
    assert len(batches) > 1
    assert batches[0].position < batches[1].position
    rows = rows_of(batches)
    assert [row["id"] for row in rows] == [str(id) for id in range(1, 9)]
    assert len({row["_till_lsn"] for row in rows}) == 1


def test_reading_on_from_inside_a_transaction_repeats_nothing(world: World, source: Source) -> None:
    position = in_the_log(world, source)
    end = world.insert(*((id, "x") for id in range(1, 9)))
    first = next(batch for batch in read_until(source, end, position) if batch.changes)
    rest = rows_of(read_until(source, end, first.position))
    assert [row["id"] for row in rows_of([first]) + rest] == [str(id) for id in range(1, 9)]


def test_reading_again_yields_the_same_rows(world: World, source: Source) -> None:
    position = in_the_log(world, source)
    world.insert((1, "apple"), (2, "pear"))
    world.move(1, 5)
    end = world.remove(2)
    first, second = (rows_of(read_until(source, end, position)) for _ in range(2))
    assert first == second


def test_a_batch_can_be_read_again_exactly(world: World, source: Source) -> None:
    position = in_the_log(world, source)
    world.insert(*((id, f"good {id}") for id in range(1, 9)))
    world.rename(2, "other")
    world.move(3, 30)
    end = world.clear()
    for batch in read_until(source, end, position):
        assert batch.after is not None
        again = source.reread(batch.after, batch.position)
        assert (again.after, again.position) == (batch.after, batch.position)
        assert rows_of([again]) == rows_of([batch])
        assert digest(again) == digest(batch)


def test_several_batches_can_be_read_again_as_one(world: World, source: Source) -> None:
    position = in_the_log(world, source)
    for id in range(1, 9):
        end = world.insert((id, "x"))
    batches = read_until(source, end, position)
    again = source.reread(position, batches[-1].position)
    assert rows_of([again]) == rows_of(batches)
    assert again.transaction_count == 8


def test_acknowledging_repeats_and_old_positions_is_harmless(world: World, source: Source) -> None:
    position = in_the_log(world, source)
    source.acknowledge(position)
    end = world.insert((1, "apple"))
    last = read_until(source, end, position)[-1].position
    for acknowledged in (last, position, last):
        source.acknowledge(acknowledged)
    end = world.insert((2, "pear"))
    assert [row["id"] for row in rows_of(read_until(source, end, last))] == ["2"]


def test_what_is_acknowledged_out_of_order_is_not_lost(world: World, source: Source) -> None:
    """An empty batch is acknowledged and not kept: after a crash reading starts before it."""
    position = in_the_log(world, source)
    end = world.insert((1, "apple"))
    kept = next(batch for batch in read_until(source, end, position) if batch.changes)
    with closing(cast(Any, source.read(kept.position))) as reading:
        quiet: Batch = next(reading)
        source.acknowledge(quiet.position)
        next(reading)
    end = world.insert((2, "pear"))
    assert [row["id"] for row in rows_of(read_until(source, end, kept.position))] == ["2"]


def test_a_broken_off_snapshot_goes_on_where_it_was(world: World, source: Source) -> None:
    world.insert(*((id, "x") for id in range(100, 170)))
    with closing(cast(Any, source.read(None))) as reading:
        first: Batch = next(reading)
    assert first.is_snapshot
    world.insert((1, "before"))
    world.insert((999, "behind"))
    world.rename(150, "renamed")
    end = world.remove(160)
    rest = read_until(source, end, first.position)
    assert Mirror().apply([first, *rest]).rows("public.goods") == world.rows()


def test_the_source_names_its_tables(world: World, source: Source) -> None:
    (table,) = source.tables()
    assert table.full_name == "public.goods"
    assert [(column.name, column.type.kind) for column in table.columns] == [("id", "int32"), ("name", "text")]
    assert table.key == ("id",)


def test_closing_ends_a_reader_that_waits(world: World, source: Source) -> None:
    reading = source.read(None)
    next(reading)
    source.close()
    assert sum(1 for _ in reading) <= 2


def test_lag_and_check_answer(world: World, source: Source) -> None:
    in_the_log(world, source)
    assert source.lag().slot_state in ("active", "idle")
    if not isinstance(world, KafkaWorld) or world.is_real:
        # The cluster inside this process does not answer every question.
        assert all(finding.ok for finding in source.check())
