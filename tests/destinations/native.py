"""Topics that the embedded engine follows as a server would: everything real but for the Kafka engine itself."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tillstream.change import Changes, Table
from tillstream.destinations.clickhouse.client import Warehouse, literal
from tillstream.destinations.clickhouse.native.ddl import Ingest, Statements, foundation, named, statements
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.destinations.kafka.destination import OLD_KEY_HEADER
from tillstream.destinations.kafka.envelope import Origin
from tillstream.destinations.kafka.messages import messages
from tillstream.kafka.names import Names

INGEST = Ingest(Names("shop"), "till_shop", 2)
# What the engine's table has, as ClickHouse documents it for `kafka_handle_error_mode = 'stream'`.
QUEUE = (
    "message String, _topic LowCardinality(String), _key String, _offset UInt64, _partition UInt64,"
    " _timestamp Nullable(DateTime), _timestamp_ms Nullable(DateTime64(3)),"
    " `_headers.name` Array(String), `_headers.value` Array(String), _raw_message String, _error String"
)


@dataclass(frozen=True)
class Sent:
    """One message in its place."""

    value: bytes
    key: bytes = b""
    offset: int = 0
    partition: int = 0
    headers: tuple[str, ...] = ()
    error: str = ""


@dataclass
class Native:
    """One table's topic and what the warehouse makes of it."""

    warehouse: Warehouse
    table: Table
    made: Statements = field(init=False)

    def __post_init__(self) -> None:
        self.make()

    def make(self) -> None:
        """Run the statements, now or again."""
        (self.made,) = statements([self.table], INGEST)
        for statement in (*foundation(), *self.made.before):
            self.warehouse.execute(statement)
        self.warehouse.execute(f"create table {named(self.table, 'queue')} ({QUEUE}) engine = Null")
        self.warehouse.execute(self.made.intake)

    def deliver(self, sent: Sequence[Sent]) -> None:
        """What one poll of the engine brings."""
        rows = ", ".join(
            f"({_bytes(each.value if not each.error else b'')}, {literal(INGEST.names.topic(self.table))},"
            f" {_bytes(each.key)}, {each.offset}, {each.partition}, '2026-03-01 12:00:01.000',"
            f" [{', '.join(map(literal, each.headers))}], [{', '.join(_bytes(b'') for _ in each.headers)}],"
            f" {_bytes(each.value if each.error else b'')}, {literal(each.error)})"
            for each in sent
        )
        self.warehouse.execute(
            f"insert into {named(self.table, 'queue')} (message, _topic, _key, _offset, _partition, _timestamp_ms,"
            f" `_headers.name`, `_headers.value`, _raw_message, _error) values {rows}"
        )

    def bury_truncated(self) -> None:
        """What the server does every few seconds."""
        self.warehouse.execute(f"system refresh view {named(self.table, 'emptied')}")
        self.warehouse.execute(f"system wait view {named(self.table, 'emptied')}")

    def seen(self) -> Seen:
        return seen(self.warehouse, self.table)


Seen = dict[str, list[tuple[Any, ...]]]


def seen(warehouse: Warehouse, table: Table) -> Seen:
    """Mirror, bronze and quarantine, without what tells a batch from another. Floats in bronze by their value."""
    floats = [column.name for column in table.columns if column.type.kind.startswith("float")]
    spelled = ", ".join(f"toString(toFloat64OrNull(`{name}`)) as `{name}`" for name in floats)
    replaced = f" replace ({spelled})" if spelled else ""
    dropped = "" if table.key else " except (_batch)"
    name = table.warehouse_name
    order = "order by all"
    return {
        "mirror": _texts(warehouse, f"select *{dropped} from mirror.{name} final order by all"),
        "bronze": _texts(
            warehouse, f"select * except (_till_batch, _till_before){replaced} from bronze.{name} {order}"
        ),
        "before": _texts(
            warehouse,
            "select arrayMap(column -> (column.1, JSONExtractString(column.2)),"
            " arrayFilter(column -> column.2 != 'null', JSONExtractKeysAndValuesRaw(ifNull(_till_before, ''))))"
            f" from bronze.{name} {order}",
        )
        if not floats
        else [],
        "quarantine": _texts(
            warehouse,
            "select table, position, key, column, raw, rule from till.quarantine final order by all",
        ),
    }


def sent_of(all_changes: Iterable[Changes], engine: Warehouse, partitions: int = 3) -> list[Sent]:
    """The messages that capture makes of changes, a row's always in the same partition."""
    bench, found = Workbench(engine), list[Sent]()
    for changes in all_changes:
        for piece in messages(changes, bench, Origin("shop", "shop", "0"), datetime.now(UTC)):
            for place, (key, value) in enumerate(zip(piece.keys, piece.values, strict=True)):
                headers = (OLD_KEY_HEADER,) if place in piece.moved else ()
                partition = sum(key or b"") % partitions
                found.append(Sent(value, key or b"", len(found), partition, headers))
    return found


def shuffled(sent: Sequence[Sent], seed: int) -> list[list[Sent]]:
    """Polls in which partitions are at different places."""
    chance = random.Random(seed)
    queues = [[each for each in sent if each.partition == place] for place in range(3)]
    polls = []
    while any(queues):
        queue = chance.choice([each for each in queues if each])
        count = chance.randint(1, max(len(sent) // 2, 1))
        polls.append(queue[:count])
        del queue[:count]
    return polls


def _texts(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    return [tuple(map(str, row)) for row in warehouse.rows(query)]


def _bytes(value: bytes) -> str:
    return f"unhex('{value.hex()}')"
