"""The statements by which a ClickHouse server fills bronze's place and the mirror from topics by itself.

    native.X_queue    the Kafka engine; keeps nothing
    native.X          every message as it came, once for each place in the topic
    bronze.X          a view: bronze's columns, read out of the messages
    mirror.X          the mirror, of the same columns and versions as ever

The engine delivers at least once. What comes twice has the same place in the topic, the same version and the same
name in the quarantine, so it replaces itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tillstream.change import Op, Table
from tillstream.destinations.clickhouse import layouts, quarantine
from tillstream.destinations.clickhouse.client import literal, quoted
from tillstream.destinations.clickhouse.layouts import KEYLESS_TYPES, ROW, VERSION
from tillstream.destinations.clickhouse.native.rows import MESSAGE_TYPES, bronze_rows, refused_rows, unknown_values
from tillstream.destinations.clickhouse.rooms import DATABASES
from tillstream.errors import WarehouseError
from tillstream.kafka.names import Names

DATABASE = "native"
# What the engine's table has besides the message, under the names that `MESSAGE_TYPES` gives it.
_GIVEN = {
    "topic": "_topic",
    "partition": "_partition",
    "offset": "_offset",
    "key": "_key",
    "value": "if(_error = '', message, _raw_message)",
    "sent_at": "_timestamp_ms",
    "header_names": "`_headers.name`",
    "header_values": "`_headers.value`",
    "error": "_error",
}
# Rows of a truncated table that come later than the truncate, through another partition, are looked for that long.
_LATE = "interval 1 hour"
_OFTEN = "10 second"
_VIEWS = ("intake", "refused", "unfit", "unknown", "truncated", "emptied")

TRUNCATES = "till.truncates"
_CREATE_TRUNCATES = (
    f"create table if not exists {TRUNCATES} (table LowCardinality(String), version UInt128,"
    " committed_at DateTime64(6, 'UTC'), arrived_at DateTime default now())"
    " engine = ReplacingMergeTree order by (table, version)"
)


@dataclass(frozen=True, slots=True)
class Ingest:
    """Who reads: the store's topics, the named collection with the brokers, and consumers for each topic."""

    names: Names
    collection: str
    consumers: int = 1

    @property
    def group(self) -> str:
        """The consumer group; another than the loaders'."""
        return f"{self.names.store}.native"

    @property
    def stream(self) -> str:
        """What the quarantine calls it."""
        return f"kafka:{self.names.store}:native"


@dataclass(frozen=True, slots=True)
class Statements:
    """One table's statements, in order. `queue` is the only one that needs Kafka; `refeed` is for later."""

    table: Table
    before: tuple[str, ...]
    queue: str
    intake: str
    refeed: str


def foundation() -> list[str]:
    """What all tables need."""
    databases = [f"create database if not exists {name}" for name in (DATABASE, *DATABASES)]
    return [*databases, quarantine.CREATE.strip(), _CREATE_TRUNCATES]


def statements(tables: Sequence[Table], ingest: Ingest) -> Iterator[Statements]:
    """Each table's statements. Run again, they follow new columns, and the engine goes on where it was."""
    _refuse_collisions(tables)
    for table in tables:
        yield Statements(table, tuple(_before(table, ingest)), _queue(table, ingest), _intake(table), _refeed(table))


def named(table: Table, part: str = "") -> str:
    """A table or view of the messages."""
    return f"{DATABASE}.{quoted(_name(table, part))}"


def _name(table: Table, part: str) -> str:
    return f"{table.warehouse_name}_{part}" if part else table.warehouse_name


def _before(table: Table, ingest: Ingest) -> Iterator[str]:
    yield _messages(table)
    # This comes before anything else is dropped: it fails where `till load` has made bronze, a table.
    yield f"drop view if exists {layouts.bronze_name(table)} sync"
    yield f"create view {layouts.bronze_name(table)} as {bronze_rows(table, f'{named(table)} final')}"
    yield layouts.create_json_view(table)
    yield f"drop view if exists {named(table, 'intake')} sync"
    yield f"drop table if exists {named(table, 'queue')} sync"
    for part in _VIEWS[1:]:
        yield f"drop view if exists {named(table, part)} sync"
    yield f"drop view if exists {layouts.feed_name(table)} sync"
    yield layouts.create_mirror(table)
    yield _newer_columns(table)
    yield f"create materialized view {layouts.feed_name(table)} to {layouts.mirror_name(table)} as {_fed(table, '')}"
    yield from _quarantining(table, ingest)
    yield from _emptying(table)


def _messages(table: Table) -> str:
    columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in MESSAGE_TYPES.items())
    return (
        f"create table if not exists {named(table)} ({columns}, arrived_at DateTime default now())"
        " engine = ReplacingMergeTree order by (topic, partition, offset)"
    )


def _newer_columns(table: Table) -> str:
    defaults = layouts.older_values(table, in_bronze=False)
    added = [
        f"add column if not exists {quoted(name)} {kind}{defaults.get(name, '')}"
        for name, kind in layouts.mirror_columns(table).items()
        if name not in table.key
    ]
    return f"alter table {layouts.mirror_name(table)} {', '.join(added)}"


def _fed(table: Table, final: str) -> str:
    return layouts.fed_by(table, f"({bronze_rows(table, named(table) + final)})")


def _quarantining(table: Table, ingest: Ingest) -> Iterator[str]:
    stream = literal(ingest.stream)
    begin = f"to {quarantine.QUARANTINE} as"
    yield (
        f"create materialized view {named(table, 'refused')} {begin}"
        f" select hex(sipHash128(topic, position)) as id, {stream} as stream, toUInt64(0) as batch, topic as table,"
        " position, shown_key as key, '' as column, shown_value as raw, wrong.1 as rule, wrong.2 as reason"
        f" from ({refused_rows(named(table))})"
    )
    rows = f"({bronze_rows(table, named(table))}) as {ROW} where"
    unfit = quarantine.unfit_values(table, ingest.stream, 0, rows)
    if unfit is not None:
        yield f"create materialized view {named(table, 'unfit')} {begin} {unfit}"
    yield (
        f"create materialized view {named(table, 'unknown')} {begin}"
        " select hex(sipHash128(table, position, key, column)) as id,"
        f" {stream} as stream, toUInt64(0) as batch, {literal(table.warehouse_name)} as table, position,"
        " row_key as key, name as column, '' as raw, 'unchanged' as rule,"
        " 'the source left this value out as unchanged, and the message has no old row' as reason"
        f" from ({unknown_values(table, named(table))})"
    )


def _emptying(table: Table) -> Iterator[str]:
    """Rows that are older than a truncate are buried, also those that come after it through another partition."""
    name = literal(table.warehouse_name)
    maybe = f'(select * from {named(table)} where position(value, \'"op":"t"\') > 0)'
    yield (
        f"create materialized view {named(table, 'truncated')} to {TRUNCATES} as select {name} as table,"
        f" {VERSION} as version, _till_committed_at as committed_at from ({bronze_rows(table, maybe)})"
        f" where _till_op = '{Op.TRUNCATE}'"
    )
    columns = ", ".join(quoted(column) for column in table.key or KEYLESS_TYPES)
    rows = ", ".join(f"{ROW}.{quoted(column)} as {quoted(column)}" for column in table.key or KEYLESS_TYPES)
    # Joined like this the mirror is not read while there is no truncate.
    yield (
        f"create materialized view {named(table, 'emptied')} refresh every {_OFTEN} append"
        f" to {layouts.mirror_name(table)} as select {rows}, newest.version as _version, toUInt8(1) as _deleted,"
        " newest.committed_at as _committed_at"
        f" from (select {columns}, _version as version from {layouts.mirror_name(table)} final where _deleted = 0)"
        f" as {ROW} cross join (select version, committed_at from {TRUNCATES} where table = {name}"
        f" and arrived_at > now() - {_LATE} order by version desc limit 1) as newest"
        f" where {ROW}.version < newest.version"
    )


def _queue(table: Table, ingest: Ingest) -> str:
    return (
        f"create table {named(table, 'queue')} (message String) engine = Kafka({quoted(ingest.collection)})"
        f" settings kafka_topic_list = {literal(ingest.names.topic(table))},"
        f" kafka_group_name = {literal(ingest.group)}, kafka_format = 'RawBLOB',"
        f" kafka_num_consumers = {ingest.consumers}, kafka_thread_per_consumer = 1,"
        " kafka_handle_error_mode = 'stream'"
    )


def _intake(table: Table) -> str:
    given = ", ".join(f"{_GIVEN[name]} as {quoted(name)}" for name in MESSAGE_TYPES)
    return (
        f"create materialized view {named(table, 'intake')} to {named(table)}"
        f" as select {given} from {named(table, 'queue')}"
    )


def _refeed(table: Table) -> str:
    columns = ", ".join(quoted(column) for column in layouts.fed_columns(table))
    return (
        f"insert into {layouts.mirror_name(table)} ({columns}) {_fed(table, ' final')} settings insert_deduplicate = 0"
    )


def _refuse_collisions(tables: Sequence[Table]) -> None:
    taken = {_name(table, "") for table in tables}
    for table in tables:
        for part in ("queue", *_VIEWS):
            if _name(table, part) in taken:
                raise WarehouseError(
                    f'table "{table.full_name}" needs the name "{DATABASE}.{_name(table, part)}", which is taken',
                    detail="Another table of the store is called so.",
                    hint="Leave one of the two out (till.toml, `exclude`), or load them with `till load`.",
                )
