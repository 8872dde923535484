"""What a ClickHouse server makes of the topics by itself is what `till load` makes of the changes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.destinations.native import INGEST, Native, Seen, Sent, seen, sent_of, shuffled
from tests.destinations.rows import Row, batch, changes, copied, table
from tests.services.postgres import Database
from tests.services.warehouse import empty
from tests.sources.shop import Shop
from tests.sources.test_postgres_types import PREPARATION, TYPES, columns, values
from tillstream.change import Batch, Changes, Column, ColumnType, Table
from tillstream.destinations.clickhouse.client import Warehouse, literal
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.native.ddl import foundation, statements
from tillstream.destinations.clickhouse.native.script import script
from tillstream.errors import WarehouseError
from tillstream.kafka.connection import KafkaSettings

ORDERS = table("orders", id="int64", total=ColumnType("decimal", 12, 2), note="text")
EVENTS = table("events", key=(), name="text", at="timestamptz")
LONGEST = max(len(texts) for _, _, texts in TYPES) + 1


def order(number: int, lsn: int, op: str = "I", ordinal: int = 1, **texts: str | None) -> Row:
    return Row(lsn, op, {"id": str(number), "total": "1.50", "note": "n", **texts}, ordinal)


def loaded(warehouse: Warehouse, batches: list[Batch], of: Table) -> Seen:
    """What our own destination makes of it."""
    destination = ClickHouseDestination(warehouse, {}, "store")
    for number, each in enumerate(batches, 1):
        destination.write(number, each, f"token {number}")
    destination.close()
    found = seen(warehouse, of)
    empty(warehouse)
    return found


def ingested(warehouse: Warehouse, all_changes: list[Changes], of: Table, seed: int = 0) -> Native:
    """The same by way of the topic: partitions at different places, and everything once more in the end."""
    sent = sent_of(all_changes, warehouse)
    native = Native(warehouse, of)
    for poll in shuffled(sent, seed):
        native.deliver(poll)
    native.bury_truncated()
    return native


@pytest.mark.parametrize("identity_of", ["default", "full"])
def test_every_type_and_operation_ends_as_it_does_with_our_own_loader(
    database: Database, warehouse: Warehouse, identity_of: str
) -> None:
    database.run(*PREPARATION, f"create table kinds (id int primary key, {columns()})")
    database.run(*(f"insert into kinds values ({number}, {values(number)})" for number in range(LONGEST)))
    database.run(f"alter table kinds replica identity {identity_of}")
    shop = Shop(database)
    batches = list(shop.read(1))
    database.run(
        *(f"insert into kinds values ({number + 50}, {values(number)})" for number in range(LONGEST)),
        "update kinds set c0 = false where id < 2",
        "update kinds set id = id + 100 where id = 1",
        "delete from kinds where id = 0",
    )
    batches += shop.read()
    every = [each for one in batches for each in one.changes]
    of = every[-1].table

    wanted = loaded(warehouse, batches, of)
    native = ingested(warehouse, every, of)

    assert len(wanted["mirror"]) == 2 * LONGEST - 1
    assert native.seen() == wanted


HISTORY = changes(
    ORDERS,
    order(1, 10),
    order(2, 10, ordinal=2, note="é \\ ' \"\t"),
    order(1, 11, "U", note=None),
    order(3, 12, total="NaN"),
    Row(13, "D", {"id": "2"}, 1),
    Row(14, "D", {"id": "3"}, 1),
    order(4, 14, "U", 2),
    order(2, 15, before=None),
)


@pytest.mark.parametrize("seed", range(3))
def test_what_comes_again_changes_nothing(warehouse: Warehouse, seed: int) -> None:
    wanted = loaded(warehouse, [batch(HISTORY)], ORDERS)
    native = ingested(warehouse, [HISTORY], ORDERS, seed)
    assert native.seen() == wanted
    assert [row[:5] for row in wanted["quarantine"]] == [("orders", "12:1", "3", "total", "NaN")]

    sent = sent_of([HISTORY], warehouse)
    native.deliver([*sent[2:5], Sent(b"junk", b"k", 99)])
    native.deliver([*sent, Sent(b"junk", b"k", 99)])
    warehouse.execute("optimize table native.orders final")

    found = native.seen()
    assert {**found, "quarantine": found["quarantine"][:1]} == wanted
    assert warehouse.value("select count() from native.orders") == len(sent) + 1
    assert [row[:2] for row in found["quarantine"][1:]] == [("shop.public.orders", "0:99")]


def test_a_truncate_buries_what_is_older_however_late_it_comes(warehouse: Warehouse) -> None:
    history = changes(ORDERS, order(1, 10), order(2, 11), Row(12, "T", {}), order(3, 13))
    wanted = loaded(warehouse, [batch(history)], ORDERS)
    first, late, emptied, last = sent_of([history], warehouse)
    native = Native(warehouse, ORDERS)

    native.deliver([first, emptied, last])
    native.bury_truncated()
    native.deliver([late])
    native.bury_truncated()

    assert native.seen()["bronze"] == wanted["bronze"]
    current = "select id from mirror.orders final where _deleted = 0"
    assert warehouse.rows(current) == [(3,)]


def test_rows_without_a_key_are_told_apart_by_their_place(warehouse: Warehouse) -> None:
    pieces = [
        copied(EVENTS, b"a\t\\N\na\t\\N\n", 9),
        changes(EVENTS, Row(10, "I", {"name": "a", "at": "2026-01-02 03:04:05.5+00"}), Row(11, "T", {})),
        changes(EVENTS, Row(12, "I", {"name": "b"})),
    ]
    wanted = loaded(warehouse, [batch(piece) for piece in pieces[:1]], EVENTS)
    native = ingested(warehouse, pieces[:1], EVENTS)
    native.deliver(sent_of(pieces[:1], warehouse))
    assert len(wanted["mirror"]) == 2
    assert native.seen() == wanted

    native.deliver([replace(each, offset=each.offset + 10) for each in sent_of(pieces[1:], warehouse)])
    native.bury_truncated()
    assert warehouse.rows("select name from mirror.events final where _deleted = 0") == [("b",)]


def test_a_left_out_value_is_the_old_rows_and_without_one_it_is_quarantined(warehouse: Warehouse) -> None:
    old = json.dumps({"id": "1", "total": "1.50", "note": "long"})
    texts: dict[str, str | None] = {"id": "1", "total": "2.00"}
    told = Row(11, "U", texts, unchanged=("note",), before=old)
    untold = Row(12, "U", {**texts, "id": "2"}, unchanged=("note",))
    native = ingested(warehouse, [changes(ORDERS, order(1, 10), told, order(2, 10, ordinal=2), untold)], ORDERS)

    assert warehouse.rows("select id, note from mirror.orders final order by id") == [(1, "long"), (2, None)]
    assert warehouse.rows("select _till_unchanged, note from bronze.orders where _till_op = 'U' order by id") == [
        (["note"], "long"),
        (["note"], None),
    ]
    assert [row[1:] for row in native.seen()["quarantine"]] == [("12:1", "2", "note", "", "unchanged")]


ENVELOPE = '{"op":"c","after":{"id":1},"source":{"lsn":%s}}'
REFUSED = [
    (b"junk", "json", "it is not JSON"),
    (b'{"a":"\xff"}', "json", "it is not UTF-8"),
    (b"[1]", "format", "it is a JSON array, not an object"),
    (b"7", "format", "it is a JSON number, not an object"),
    (b"null", "format", "it is a JSON null, not an object"),
    (b'{"a":1}', "envelope", "it has no op"),
    (b'{"op":"x"}', "envelope", "its op is none that is known"),
    ((ENVELOPE % 0).encode(), "envelope", "its source does not say where it stands: no lsn"),
    ((ENVELOPE % '"?"').encode(), "envelope", "its source does not say where it stands: no lsn"),
]


def test_what_can_not_be_read_is_quarantined_as_it_came_and_the_rest_goes_on(warehouse: Warehouse) -> None:
    native = Native(warehouse, ORDERS)
    sent = [Sent(raw, b"k\xff", offset, 2) for offset, (raw, _, _) in enumerate(REFUSED)]
    broken = Sent(b"raw", b"", 50, 2, error="it broke")
    (good,) = sent_of([changes(ORDERS, order(1, 10))], warehouse)

    native.deliver([*sent, broken, Sent(b"", b"tombstone", 51), replace(good, offset=60)])
    native.deliver([*sent, broken])

    found = warehouse.rows(
        "select raw, rule, reason, key, position, table from till.quarantine final order by position"
    )
    shown = [("base64:eyJhIjoi/yJ9" if b"\xff" in raw else raw.decode(), rule, why) for raw, rule, why in REFUSED]
    key, topic = "base64:a/8=", "shop.public.orders"
    wanted = [(*each, key, f"2:{place}", topic) for place, each in enumerate(shown)]
    wanted.append(("raw", "engine", "it broke", "", "2:50", topic))
    assert sorted(found) == sorted(wanted)
    assert warehouse.rows("select id from mirror.orders final") == [(1,)]


def test_statements_run_again_follow_a_new_column_and_feed_what_came_before(warehouse: Warehouse) -> None:
    place = Column("place", ColumnType("int32"), "integer", missing="5")
    wider = replace(ORDERS, columns=(*ORDERS.columns, place))
    native = Native(warehouse, ORDERS)
    texts: dict[str, str | None] = {"id": "1", "place": "7"}
    sent = sent_of([changes(ORDERS, order(3, 9)), changes(wider, Row(10, "I", texts))], warehouse)
    native.deliver(sent)

    again = Native(warehouse, wider)
    current = "select id, place from mirror.orders final order by id"
    assert warehouse.rows(current) == [(1, 5), (3, 5)]
    warehouse.execute(again.made.refeed)
    again.deliver([replace(each, offset=5) for each in sent_of([changes(wider, order(2, 11))], warehouse)])

    assert warehouse.rows(current) == [(1, 7), (2, None), (3, 5)]
    assert warehouse.rows("select id, place from bronze.orders order by id") == [("1", "7"), ("2", None), ("3", "5")]


def test_statements_refuse_a_warehouse_that_our_own_loader_fills(warehouse: Warehouse) -> None:
    destination = ClickHouseDestination(warehouse, {}, "store")
    destination.write(1, batch(HISTORY), "token")
    with pytest.raises(WarehouseError):
        Native(warehouse, ORDERS)
    destination.write(2, batch(changes(ORDERS, order(9, 20))), "next")
    destination.close()
    assert warehouse.value("select count() from mirror.orders final where id = 9") == 1


def test_our_own_loader_refuses_a_warehouse_that_the_server_fills(warehouse: Warehouse) -> None:
    Native(warehouse, ORDERS)
    destination = ClickHouseDestination(warehouse, {}, "store")
    with pytest.raises(WarehouseError, match=r'needs the name "bronze\.orders"'):
        destination.write(1, batch(HISTORY), "token")
    destination.close()


def test_two_tables_whose_names_meet_are_refused() -> None:
    with pytest.raises(WarehouseError, match=r'needs the name "native\.orders_queue"') as caught:
        list(statements([ORDERS, replace(ORDERS, name="orders_queue")], INGEST))
    assert "till load" in caught.value.hint


def test_the_engine_knows_every_setting_of_its_table(warehouse: Warehouse) -> None:
    """An embedded engine can't have such a table: it gets as far as starting it, which follows the settings."""
    (made,) = statements([ORDERS], INGEST)
    # In memory: nothing of it stays.
    warehouse.execute("create database probe engine = Memory")
    warehouse.execute(
        "create named collection if not exists till_shop as kafka_broker_list = '127.0.0.1:1',"
        " kafka_security_protocol = 'sasl_ssl', kafka_sasl_mechanism = 'PLAIN', kafka_sasl_username = 'u',"
        " kafka_sasl_password = 'p'"
    )
    queue = made.queue.replace("native.", "probe.")
    with pytest.raises(WarehouseError) as wrong:
        warehouse.execute(queue.replace("kafka_num_consumers", "kafka_number"))
    assert "UNKNOWN_SETTING" in wrong.value.detail
    with pytest.raises(WarehouseError) as caught:
        warehouse.execute(queue)
    assert "Shutdown was called" in caught.value.detail
    warehouse.execute("drop database probe sync")
    warehouse.execute("drop named collection till_shop")


def test_the_script_is_sql_and_keeps_secrets_to_itself(warehouse: Warehouse) -> None:
    options = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "till",
        "sasl.password": "open sesame",
        "ssl.key.password": "also secret",
    }
    text = script([ORDERS, EVENTS], KafkaSettings("one:9092", "shop", options), INGEST)

    assert "open sesame" not in text
    assert "also secret" not in text
    assert "-- create named collection if not exists `till_shop` as kafka_broker_list = 'one:9092'," in text
    assert "kafka_security_protocol = 'sasl_ssl'" in text
    assert "under <kafka>, if it needs them: ssl.key.password" in text
    assert "background_message_broker_schedule_pool_size has to be 4" in text
    commands = [
        "\n".join(line for line in piece.splitlines() if not line.startswith("-- ")) for piece in text.split(";\n")
    ]
    parsed = [command for command in commands if command.strip()]
    assert len(parsed) > 2 * len(foundation())
    for command in parsed:
        assert warehouse.rows(f"select formatQuery({literal(command)})")


def test_without_a_password_the_script_is_whole() -> None:
    text = script([ORDERS], KafkaSettings("one:9092", "shop"), INGEST)
    assert "\ncreate named collection if not exists `till_shop` as kafka_broker_list = 'one:9092';\n" in text
