"""A real cluster's surprises: what is gone, what is new, and what can't be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewPartitions  # type: ignore[attr-defined]  # its stubs hide it

from tests.services.kafka import Kafka
from tests.sources.reading import Mirror, read_until, rows_of
from tests.sources.topics import SECONDS, Topics, table
from tillstream.change import Batch, Position
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.destinations.memory import MemoryDestination, MemoryLayer, MemoryLedger
from tillstream.errors import StreamError, StreamUnreachable, TopicTruncated
from tillstream.flow.pump import Pump
from tillstream.kafka.connection import KafkaSettings
from tillstream.ledger import digest
from tillstream.sources.kafka.place import place_from
from tillstream.sources.kafka.source import KafkaSource
from tillstream.streaming import TopicSettings

GOODS = table("goods", name="text")


@pytest.fixture
def topics(kafka: Kafka, engine: Warehouse) -> Topics:
    return Topics(kafka.bootstrap, Workbench(engine), kafka.prefix, kafka.admin)


@contextmanager
def opened(topics: Topics, rows: int = 100, **named: TopicSettings) -> Iterator[KafkaSource]:
    source = topics.source(rows, **named)
    source.reading = replace(source.reading, look_again=timedelta(milliseconds=100))
    with closing(source):
        yield source


def fill(topics: Topics, *ids: int, lsn: int = 1000) -> None:
    for id in ids:
        topics.row(GOODS, "c", (lsn + id, 3), {"id": id, "name": f"good {id}"})


def read_rows(source: KafkaSource, count: int, after: Position | None = None) -> list[Batch]:
    """The batches up to that many rows."""
    batches = []
    with closing(cast(Any, source.read(after))) as reading:
        for batch in reading:
            batches.append(batch)
            if sum(each.row_count for each in batches) >= count:
                return batches
    raise AssertionError("the source ended")


def test_messages_that_are_gone_are_an_error_that_names_them(topics: Topics, kafka: Kafka) -> None:
    topics.ready(GOODS)
    fill(topics, *range(10))
    topic = topics.topic("goods")
    with opened(topics, rows=3) as source:
        position = next(batch.position for batch in read_until(source, topics.end) if batch.changes)
        read = place_from(position).offsets[topic, 0]
        deleted = kafka.admin.delete_records([TopicPartition(topic, 0, 7)])
        assert [future.result(SECONDS).low_watermark for future in deleted.values()] == [7]
        with pytest.raises(TopicTruncated, match=f'messages of topic "{topic}" are gone that were not read') as caught:
            read_until(source, topics.end, position)
        assert caught.value.detail == (
            f"Partition 0 was to be read from offset {read} on; the first it still holds is 7."
        )
        assert "till resync" in caught.value.hint
        with pytest.raises(TopicTruncated):
            source.reread(position, Position(topics.end, 0, position.state.replace(f":{read}", ":9")))


def test_a_topic_that_is_gone_is_an_error_that_names_it(topics: Topics, kafka: Kafka) -> None:
    topics.ready(GOODS)
    fill(topics, 1)
    topic = topics.topic("goods")
    with opened(topics) as source:
        position = read_until(source, topics.end)[-1].position
        kafka.admin.delete_topics([topic])[topic].result(SECONDS)
        with pytest.raises(TopicTruncated, match=f'topic "{topic}" is gone'):
            read_until(source, topics.end + 1, position)


def test_a_topic_that_was_made_anew_is_an_error(topics: Topics, kafka: Kafka) -> None:
    topics.ready(GOODS)
    fill(topics, *range(5))
    topic = topics.topic("goods")
    with opened(topics) as source:
        position = read_until(source, topics.end)[-1].position
        kafka.admin.delete_topics([topic])[topic].result(SECONDS)
        topics.make(topic)
        fill(topics, 1)
        with pytest.raises(TopicTruncated, match=f'topic "{topic}" ends before what was read of it'):
            read_until(source, topics.end, position)


def test_partitions_and_topics_that_come_later_are_read(topics: Topics, kafka: Kafka) -> None:
    topics.ready(GOODS)
    fill(topics, 1)
    topic = topics.topic("goods")
    with opened(topics) as source:
        position = read_until(source, topics.end)[-1].position
        kafka.admin.create_partitions([NewPartitions(topic, 2)])[topic].result(SECONDS)
        # A producer that did not know the topic before knows all its partitions.
        newer = Topics(kafka.bootstrap, topics.engine, kafka.prefix, kafka.admin)
        newer.partition = 1
        fill(newer, 2)
        topics.make(topics.topic("later"))
        topics.row(table("later"), "c", (5000, 3), {"id": 3})
        rows = rows_of(read_rows(source, 2, position))
    assert sorted(row["id"] for row in rows) == ["2", "3"]


def test_a_position_moves_past_what_was_thrown_away(topics: Topics, kafka: Kafka) -> None:
    topics.ready(GOODS)
    fill(topics, 1)
    producer = kafka.producer(transactional_id=f"{kafka.prefix}.capture")
    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    producer.produce(topics.topic("goods"), b"never", partition=0)
    producer.flush(SECONDS)
    producer.abort_transaction(SECONDS)
    # The message that was thrown away, and the mark that says so.
    topics.sent += 2
    with opened(topics) as source:
        batches = read_until(source, topics.end)
        assert [row["id"] for row in rows_of(batches)] == ["1"]
        assert source.lag().log_end == topics.end
        source.acknowledge(batches[-1].position)
        assert source.lag().behind_messages == 0


def test_batches_of_several_partitions_read_again_as_one_are_the_same(topics: Topics) -> None:
    topics.make(topics.settings.names.tables)
    topics.make(topics.topic("goods"), partition_count=2)
    with opened(topics, rows=4) as source:
        position = read_until(source, 1)[-1].position
        for id in range(20):
            topics.partition = id % 2
            fill(topics, id)
        batches = [batch for batch in read_until(source, topics.end, position) if batch.changes]
        assert len(batches) > 1
        pump = Pump(source, MemoryDestination(), MemoryLedger(), MemoryLayer(MemoryDestination()))
        whole = batches[0]
        for batch in batches[1:]:
            joined = pump.batcher.joined(whole, batch)
            assert joined is not None
            whole = joined
        again = source.reread(position, whole.position)
    assert sorted(rows_of([again]), key=str) == sorted(rows_of([whole]), key=str)
    assert digest(again) == digest(whole)


def test_what_capture_writes_in_its_snapshot_is_ours(topics: Topics) -> None:
    """Models are deployed once at the end of the snapshot, not in the middle of capture's own."""
    topics.make(topics.settings.names.progress)
    topics.ready(GOODS)
    progress = topics.settings.names.progress
    fill(topics, 1)
    topics.send(progress, {"number": 1, "lsn": 0, "ordinal": 1, "state": ""}, b"postgres")
    with opened(topics) as source, closing(cast(Any, source.read(None))) as reading:
        first = next(batch for batch in reading if batch.changes)
        assert first.is_snapshot
        fill(topics, 2)
        second = next(batch for batch in reading if batch.changes)
        assert second.is_snapshot
        topics.send(progress, {"number": 2, "lsn": 7, "ordinal": 1, "state": ""}, b"postgres")
        last = next(batch for batch in reading if not batch.is_snapshot)
        assert last.position.lsn == topics.end


def test_a_compacted_topic_gives_what_it_still_has(topics: Topics) -> None:
    """Offsets that are missing are no loss where the newest of each key is kept."""
    topics.make(topics.topic("plain"))
    topics.send(topics.topic("plain"), {"id": 1, "name": "a"}, {"id": 1})
    topics.send(topics.topic("plain"), {"id": 2, "name": "b"}, {"id": 2})
    topics.send(topics.topic("plain"), None, {"id": 1})
    with opened(topics, plain=TopicSettings(format="rows")) as source:
        batches = read_until(source, topics.end)
    assert Mirror().apply(batches).rows("public.plain") == [{"id": "2", "name": "b"}]


def test_what_can_not_be_read_is_kept_once_whatever_crashes(topics: Topics, warehouse: Warehouse) -> None:
    topics.make(topics.topic("plain"))
    with opened(topics, plain=TopicSettings(key=("id",))) as source:
        position = read_until(source, 1)[-1].position
        for value in (b"\xff\xfe", b'{"id": 1', {"id": 3}):
            topics.send(topics.topic("plain"), value, b"key")
        batches = read_until(source, topics.end, position)
        last = batches[-1].position
        again = source.reread(position, last)
    assert [digest(again)] == [digest(batch) for batch in batches if not batch.is_empty]
    destination = ClickHouseDestination(warehouse, {}, source.name)
    with closing(destination):
        destination.write(1, again, "first")
        destination.write(1, again, "second")
    assert warehouse.rows("select table, position, key, raw, rule from till.quarantine final order by position") == [
        (topics.topic("plain"), "0:0", "key", "base64://4=", "json"),
        (topics.topic("plain"), "0:1", "key", '{"id": 1', "json"),
    ]
    assert warehouse.rows("select id from mirror.plain final") == [(3,)]


def test_a_row_whose_table_nobody_described_stops_the_flow(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillstream.sources.kafka.descriptions._PATIENCE", 1.0)
    topics.ready(GOODS)
    topics.send(topics.topic("goods"), {"op": "c"}, {"id": 1}, headers={"till.table": "feedfacefeedface"})
    with opened(topics) as source, pytest.raises(StreamError, match='nothing describes the table "feedfacefeedface"'):
        read_until(source, topics.end)


def test_no_broker_is_an_error_that_heals(engine: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillstream.sources.kafka.topics.PATIENCE", 0.5)
    settings = KafkaSettings("127.0.0.1:1", "shop")
    with closing(KafkaSource(settings, Workbench(engine))) as source, pytest.raises(StreamUnreachable):
        next(source.read(None))


def test_a_lane_reads_its_partitions_and_no_others(topics: Topics, engine: Warehouse) -> None:
    topics.make(topics.settings.names.tables)
    topics.make(topics.topic("goods"), partition_count=3)
    for id in range(6):
        topics.partition = id % 3
        fill(topics, id)
    found = []
    for lane in (0, 1):
        with closing(KafkaSource(topics.settings, Workbench(engine), None, lane, 2)) as source:
            assert source.name == f"kafka:{topics.settings.store}:{lane}"
            found.append({row["id"] for row in rows_of(read_rows(source, 4 if lane == 0 else 2))})
    assert found == [{"0", "2", "3", "5"}, {"1", "4"}]


def test_the_doctor_names_what_is_not_there(topics: Topics) -> None:
    with opened(topics) as source:
        findings = {finding.subject: finding for finding in source.check()}
    assert findings["brokers"].ok
    assert not findings["topics"].ok
    assert "till capture" in findings["topics"].hint
