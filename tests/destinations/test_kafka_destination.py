"""A batch is in the topics as a whole or not at all, once, and in order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.destinations.captured import Capture, committed, envelopes, places, settings_of, written
from tests.destinations.rows import NOON, Row, Texts, batch, changes, copied
from tests.flow.child import history
from tests.flow.crashes import run_to_end
from tests.flow.histories import EVENTS, LINES, ORDERS, WIDER
from tests.services.kafka import Kafka
from tillstream.change import Batch, Position, Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.kafka.ledger import last_done
from tillstream.destinations.memory import MemoryLayer
from tillstream.errors import CaptureReplaced, MessageTooLarge, StreamError
from tillstream.flow.failpoints import crash_at
from tillstream.kafka.tables import table_from
from tillstream.ledger import Entry, Landing, digest

PLACES = ("before_intent", "after_intent", "during_write", "after_write", "after_done", "after_acknowledge")


@pytest.fixture
def capture(kafka: Kafka, engine: Warehouse) -> Capture:
    return Capture(settings_of(kafka), engine)


def entry(number: int, given: Batch, stream: str = "store") -> Entry:
    return Entry(stream, number, given.after, given.position, given.row_counts, digest(given))


def land(capture: Capture, number: int, given: Batch, stream: str = "store") -> None:
    begun = entry(number, given, stream)
    capture.ledger.intend(begun)
    capture.destination.write(number, given, begun.token)
    capture.ledger.done(begun, Landing(stream, number, given.position))


def order(identity: str, note: str = "n") -> Texts:
    return {"id": identity, "total": "1.50", "note": note, "tags": "{}"}


def test_a_batch_is_there_when_it_is_done_and_not_before(capture: Capture) -> None:
    settings, topic = capture.settings, capture.settings.names.topic(ORDERS)
    given = batch(changes(ORDERS, Row(10, "I", order("1")), Row(11, "U", order("1", "b"))))
    assert capture.ledger.last_done("store") is None
    capture.ledger.intend(entry(1, given))
    capture.destination.write(1, given, "token")
    capture.producing.flush()
    assert envelopes(settings, topic) == []

    capture.ledger.done(entry(1, given), Landing("store", 1, given.position))

    assert [(value["op"], value["after"]["note"]) for value in envelopes(settings, topic)] == [("c", "n"), ("u", "b")]
    assert [message.key() for message in committed(settings, topic)] == [b'{"id":1}'] * 2


def test_what_is_abandoned_was_never_there(capture: Capture) -> None:
    given = batch(changes(ORDERS, Row(10, "I", order("1"))))
    capture.ledger.last_done("store")
    capture.ledger.intend(entry(1, given))
    capture.destination.write(1, given, "token")
    capture.ledger.abandon(entry(1, given))
    land(capture, 1, batch(changes(ORDERS, Row(12, "I", order("2")))))

    assert places(capture.settings, ORDERS) == [(12, 1, "c", '{"id":2}')]
    # The description that went with the first batch is there all the same.
    (description,) = committed(capture.settings, capture.settings.names.tables)
    assert table_from(description.value() or b"") == ORDERS


def test_deletes_are_followed_by_tombstones_and_moves_by_a_new_row(capture: Capture) -> None:
    capture.ledger.last_done("store")
    land(
        capture,
        1,
        batch(changes(ORDERS, Row(10, "D", {"id": "1"}, 2), Row(11, "D", {"id": "2"}, 2), Row(11, "U", order("3"), 3))),
    )

    found = committed(capture.settings, capture.settings.names.topic(ORDERS))
    letters = [json.loads(value)["op"] if (value := message.value()) else "-" for message in found]
    assert [(letter, message.key()) for letter, message in zip(letters, found, strict=True)] == [
        ("d", b'{"id":1}'),
        ("-", b'{"id":1}'),
        ("d", b'{"id":2}'),
        ("-", b'{"id":2}'),
        ("c", b'{"id":3}'),
    ]
    extra = [dict(message.headers() or []) for message in found]
    assert extra[2]["__debezium.newkey"] == b'{"id":3}'
    assert extra[4]["__debezium.oldkey"] == b'{"id":2}'
    assert all("till.table" in headers for headers in extra)


def test_a_truncate_reaches_every_partition(kafka: Kafka, engine: Warehouse) -> None:
    capture = Capture(settings_of(kafka, partitions=3), engine)
    capture.ledger.last_done("store")
    land(capture, 1, batch(changes(ORDERS, Row(10, "I", order("1")), Row(11, "T", {}), Row(12, "I", order("1")))))

    found = committed(capture.settings, capture.settings.names.topic(ORDERS))
    truncates = [message for message in found if json.loads(message.value() or b"")["op"] == "t"]
    assert [(message.partition(), message.key()) for message in truncates] == [(0, None), (1, None), (2, None)]
    (home,) = {message.partition() for message in found if message.key()}
    ops = [json.loads(message.value() or b"")["op"] for message in found if message.partition() == home]
    assert ops == ["c", "t", "c"]


def test_each_description_is_told_once(capture: Capture) -> None:
    capture.ledger.last_done("store")
    land(capture, 1, batch(changes(EVENTS, Row(10, "I", {"name": "a"})), changes(WIDER, Row(11, "I", {"name": "b"}))))
    land(capture, 2, batch(changes(EVENTS, Row(12, "I", {"name": "c"}))))
    second = capture.again()
    second.ledger.last_done("store")
    land(second, 3, batch(changes(WIDER, Row(13, "I", {"name": "d"}))))

    described = committed(capture.settings, capture.settings.names.tables)
    tables: dict[Any, Table] = {message.key(): table_from(message.value() or b"") for message in described}
    assert (len(described), list(tables.values())) == (2, [EVENTS, WIDER])
    rows = committed(capture.settings, capture.settings.names.topic(EVENTS))
    assert [tables[dict(message.headers() or [])["till.table"]] for message in rows] == [EVENTS, WIDER, EVENTS, WIDER]


def test_rows_outnumber_the_queue_and_arrive_in_order(kafka: Kafka, engine: Warehouse) -> None:
    capture = Capture(settings_of(kafka, options={"queue.buffering.max.messages": "500"}), engine)
    data = "".join(f"{number}\t1.00\tx\t{{}}\n" for number in range(5000)).encode()
    capture.ledger.last_done("store")
    land(capture, 1, replace(batch(copied(ORDERS, data, 9)), position=Position(0, 1, "half")))

    found = envelopes(capture.settings, capture.settings.names.topic(ORDERS))
    assert [value["after"]["id"] for value in found] == list(range(5000))


def test_the_ledger_knows_each_streams_newest_batch(capture: Capture) -> None:
    state = 'it\'s "ä"\\'
    first = batch(changes(ORDERS, Row(10, "I", order("1"))), after=9)
    land(capture, 1, replace(first, position=Position(0, 5, state)), "other")
    land(capture, 4, first)
    again = capture.again()

    done = again.ledger.last_done("store")
    assert done == entry(4, first)
    assert (again.ledger.last_number("store"), again.ledger.pending("store")) == (4, None)
    other = again.ledger.last_done("other")
    assert other is not None
    assert (other.number, other.position, other.position.state) == (1, Position(0, 5), state)
    assert (again.ledger.last_done("third"), again.ledger.last_number("third")) == (None, 0)
    assert last_done(capture.settings, "store") == done


def test_the_newest_batch_is_found_behind_many_of_other_streams(
    capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillstream.destinations.kafka.ledger._FIRST_LOOK", 2)
    land(capture, 1, batch(lsn=9), "store")
    for number in range(3):
        land(capture, number, batch(lsn=9), "other")

    done = last_done(capture.settings, "store")
    assert done is not None
    assert (done.number, done.position) == (1, Position(9, 2**32 - 1))


def test_a_ledger_that_others_wrote_is_told(capture: Capture) -> None:
    capture.ledger.last_done("store")
    capture.producing.begin()
    capture.producing.send(capture.settings.names.progress, b"[]", b"store", [])
    capture.producing.commit()

    with pytest.raises(StreamError, match="holds something else than progress") as told:
        capture.ledger.last_done("store")
    assert "Give this store another name" in told.value.hint


def test_nothing_is_lost_or_doubled_whatever_place_it_crashes_at(capture: Capture) -> None:
    made = history(seed=1)
    layer = MemoryLayer(made)  # type: ignore[arg-type]  # never asked
    layer.ready = False
    for number, place in enumerate(PLACES):
        # Now and then another process goes on.
        capture = capture.again() if number % 2 else capture
        with crash_at(place, 2 + number % 2):
            run_to_end(made.log, capture.destination, capture.ledger, layer)
    run_to_end(made.log, capture.destination, capture.ledger, layer)

    for table in (ORDERS, LINES, EVENTS):
        assert places(capture.settings, table) == written(made.log, table)


def test_a_second_capture_takes_over_from_the_first(capture: Capture) -> None:
    given = batch(changes(ORDERS, Row(10, "I", order("1"))))
    capture.ledger.last_done("store")
    capture.ledger.intend(entry(1, given))
    capture.destination.write(1, given, "token")
    second = capture.again()
    assert second.ledger.last_done("store") is None
    land(second, 1, given)

    with pytest.raises(CaptureReplaced, match="another process captures for") as told:
        capture.ledger.done(entry(1, given), Landing("store", 1, given.position, landed_at=NOON))
    assert "One `till capture` a store" in told.value.hint
    assert places(capture.settings, ORDERS) == [(10, 1, "c", '{"id":1}')]


def test_a_capture_that_goes_on_writing_is_told_that_another_took_over(capture: Capture) -> None:
    given = batch(changes(ORDERS, Row(10, "I", order("1"))))
    capture.ledger.last_done("store")
    capture.ledger.intend(entry(1, given))
    capture.again().ledger.last_done("store")

    with pytest.raises(CaptureReplaced, match="another process captures for"):
        for number in range(1000):
            capture.destination.write(1, given, f"token {number}")


@pytest.mark.parametrize("options", [{"message.max.bytes": "20000"}, {}], ids=["ours", "the cluster's"])
def test_a_row_that_is_too_large_is_told(kafka: Kafka, engine: Warehouse, options: dict[str, str]) -> None:
    kafka.topic("public.orders", max_message_bytes="20000")
    capture = Capture(settings_of(kafka, options={**options, "compression.type": "none"}), engine)
    capture.ledger.last_done("store")

    with pytest.raises(MessageTooLarge, match="larger than the largest message") as told:
        land(capture, 1, batch(changes(ORDERS, Row(10, "I", order("1", "x" * 30_000)))))
    assert "max.message.bytes" in told.value.hint
    land(capture, 1, batch(changes(ORDERS, Row(10, "I", order("1")))))
    assert places(capture.settings, ORDERS) == [(10, 1, "c", '{"id":1}')]
