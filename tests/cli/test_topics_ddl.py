"""`till topics --ddl` prints SQL for the tables that capture has described."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.run_till import till
from tests.destinations.rows import table
from tests.services.kafka import Kafka
from tests.sources.topics import Topics
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.workbench import Workbench


@pytest.fixture
def described(tmp_path: Path, kafka: Kafka) -> Path:
    """A folder with nothing but its settings."""
    stream = f'[stream]\nurl = "kafka://{kafka.bootstrap}"\nstore = "{kafka.prefix}"\n'
    (tmp_path / "till.toml").write_text(f'[source]\nkind = "demo"\n{stream}')
    return tmp_path


def test_every_described_table_has_its_statements(described: Path, kafka: Kafka, engine: Warehouse) -> None:
    topics = Topics(kafka.bootstrap, Workbench(engine), kafka.prefix, kafka.admin)
    topics.ready(table("orders", id="int64"))

    answer = till("topics", "--ddl", "--consumers", "2", "--dir", described)

    assert answer.status == 0, answer.err
    assert f"kafka_topic_list = '{kafka.prefix}.public.orders'" in answer.out
    assert answer.out.count("kafka_num_consumers = 2") == 1
    listed = till("topics", "--ddl", "--consumers", "2", "--json", "--dir", described).last_line
    assert (listed["tables"], listed["ddl"]) == (["public.orders"], answer.out)


def test_without_described_tables_there_is_nothing_to_print(described: Path, kafka: Kafka) -> None:
    answer = till("topics", "--ddl", "--dir", described)

    assert (answer.status, answer.out) == (1, ""), answer.err
    assert f'no table of store "{kafka.prefix}" is described yet: `till capture` does it' in answer.err
