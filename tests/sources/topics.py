"""Topics filled by hand: our own envelopes, written without our own code, and whatever else a test needs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its stubs hide it

from tillstream.change import Column, ColumnType, Table
from tillstream.kafka.connection import KafkaSettings
from tillstream.kafka.tables import described, identity
from tillstream.ports import Engine
from tillstream.settings import BatchSettings
from tillstream.sources.kafka.settings import ReadingSettings
from tillstream.sources.kafka.source import KafkaSource
from tillstream.streaming import TopicSettings

Row = Mapping[str, Any]
SECONDS = 30.0
COMMITTED_AT = 1_767_323_045_678_901


class Topics:
    """One store's topics in a cluster, and a source that reads them. What is sent is counted."""

    def __init__(self, bootstrap: str, engine: Engine, store: str = "shop", admin: AdminClient | None = None) -> None:
        self.settings = KafkaSettings(bootstrap, store)
        self.admin = admin
        self.engine = engine
        self.sent = 0
        # Where rows go.
        self.partition = 0
        self._producer = Producer({"bootstrap.servers": bootstrap, "log_level": 2, "linger.ms": 0})
        self._described: set[str] = set()

    @property
    def end(self) -> int:
        """Where the log of everything sent ends."""
        return 1 + self.sent

    def source(self, rows: int = 3, **topics: TopicSettings) -> KafkaSource:
        """A source with small batches. Topics are named by their last word."""
        named = {self.topic(name): settings for name, settings in topics.items()}
        return KafkaSource(self.settings, self.engine, ReadingSettings(BatchSettings(rows=rows), named))

    def ready(self, table: Table) -> None:
        """Make the topic of a table before anything is in it."""
        self.make(self.settings.names.tables, cleanup_policy="compact")
        self.make(f"{self.settings.store}.{table.full_name}")
        self._describe(table)

    def make(self, topic: str, partition_count: int = 1, **config: str) -> None:
        """Make a topic; in a cluster inside this process asking for it is enough."""
        if self.admin is None:
            self._producer.list_topics(topic, SECONDS)
            return
        settings = {name.replace("_", "."): value for name, value in config.items()}
        self.admin.create_topics([NewTopic(topic, partition_count, config=settings)])[topic].result(SECONDS)

    def topic(self, table: str) -> str:
        return f"{self.settings.store}.public.{table}"

    def send(
        self,
        topic: str,
        value: object,
        key: object = None,
        *,
        partition: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """One message. Objects are written as JSON, bytes as they are."""
        self._producer.produce(
            topic,
            _bytes(value),
            _bytes(key),
            partition,
            headers=[(name, text.encode()) for name, text in (headers or {}).items()],
        )
        assert self._producer.flush(SECONDS) == 0
        self.sent += not topic.endswith((".till.tables", ".till.progress"))

    def row(
        self,
        table: Table,
        op: str,
        place: tuple[int, int],
        row: Row | None = None,
        before: Row | None = None,
    ) -> None:
        """One of our own envelopes; and its tombstone, behind a delete."""
        name = self._describe(table)
        lsn, ordinal = place
        source = {
            "version": "0", "connector": "postgresql", "name": self.settings.store, "ts_ms": COMMITTED_AT // 1000,
            "ts_us": COMMITTED_AT, "snapshot": str(op == "r").lower(), "db": "shop", "schema": table.schema,
            "table": table.name, "txId": lsn, "lsn": lsn, "ordinal": ordinal,
        }  # fmt: skip
        envelope = {"before": before, "after": row, "source": source, "op": op, "ts_ms": 0, "transaction": None}
        said = (row or before or {}) if table.key and op != "t" else {}
        key = {column: said[column] for column in table.key} if said else None
        topic = f"{self.settings.store}.{table.full_name}"
        headers = {"till.table": name}
        if op == "c" and before is not None:
            # The row had another key: that is told beside, as Debezium does.
            envelope["before"] = None
            headers["__debezium.oldkey"] = json.dumps({column: before[column] for column in table.key})
        self.send(topic, envelope, key, partition=self.partition, headers=headers)
        if op == "d":
            self.send(topic, None, key, partition=self.partition, headers=headers)

    def _describe(self, table: Table) -> str:
        name = identity(described(table))
        if name not in self._described:
            self._described.add(name)
            self.send(self.settings.names.tables, described(table).encode(), name.encode())
        return name


def _bytes(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@contextmanager
def mock_cluster() -> Iterator[str]:
    """A cluster inside this process: it produces, fetches and commits, and no more than that."""
    holder = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "none", "log_level": 2})
    found = holder.list_topics(timeout=SECONDS).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in found)
    del holder


def table(called: str, key: Sequence[str] = ("id",), **columns: str) -> Table:
    """A table with columns of these kinds; `id` comes first."""
    kinds = {"id": "int64", **columns}
    return Table(
        "public", called, tuple(Column(each, ColumnType(kind), kind) for each, kind in kinds.items()), tuple(key)
    )


def based(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
