"""What the guide to others' topics says in TOML and SQL is understood."""

from __future__ import annotations

import re
import tomllib

from tests.style.tree import read
from tillstream.destinations.clickhouse import quarantine
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.sources.kafka.fields import declared_fields
from tillstream.streaming import Topics

GUIDE = read("docs/guides/debezium.md")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)


def test_topics_and_columns_are_understood() -> None:
    said = tomllib.loads("".join(blocks("toml")))
    (topic,) = Topics.parsed(said["stream"]["topics"]).values()
    assert [each.column.type.kind for each in declared_fields(topic.columns)] == [
        "text",
        "decimal",
        "timestamptz",
        "array",
    ]


def test_the_query_of_what_was_refused_runs(warehouse: Warehouse) -> None:
    (query,) = blocks("sql")
    warehouse.execute("create database till")
    warehouse.execute(quarantine.CREATE)
    assert warehouse.rows(query) == []
