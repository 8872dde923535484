"""Debezium as it is: what it captures from a real PostgreSQL comes out of a real topic."""

from __future__ import annotations

import json

import pytest

from tests.services.connect import Connect, ConnectorFailed, debezium_postgres
from tests.services.kafka import Kafka
from tests.services.postgres import Database


def test_a_row_of_postgresql_comes_out_as_an_envelope(connect: Connect, kafka: Kafka, database: Database) -> None:
    database.run("create table goods (id int primary key, price numeric(10, 2))", "insert into goods values (1, 9.90)")
    config = debezium_postgres(database.url, kafka.prefix, decimal_handling_mode="string")
    topic = f"{kafka.prefix}.public.goods"
    with connect.running(kafka.prefix, config):
        kafka.messages(topic, count=1)
        database.run("update goods set price = 12.50", "delete from goods")
        found = kafka.messages(topic, count=4)

    assert [json.loads(each.key() or b"") for each in found] == [{"id": 1}] * 4
    envelopes = [json.loads(each.value() or b"null") for each in found]
    assert [each and each["op"] for each in envelopes] == ["r", "u", "d", None]
    assert [each["after"] for each in envelopes[:3]] == [{"id": 1, "price": "9.90"}, {"id": 1, "price": "12.50"}, None]
    assert envelopes[1]["source"]["lsn"] < envelopes[2]["source"]["lsn"]


def test_a_connector_that_can_not_run_says_why(connect: Connect, kafka: Kafka, database: Database) -> None:
    with pytest.raises(ConnectorFailed, match="database"):
        connect.create(kafka.prefix, debezium_postgres(f"{database.url}_of_another_name", kafka.prefix))


def test_every_connector_is_there(connect: Connect) -> None:
    assert {
        "io.debezium.connector.mariadb.MariaDbConnector",
        "io.debezium.connector.mysql.MySqlConnector",
        "io.debezium.connector.postgresql.PostgresConnector",
    } <= set(connect.plugins())
