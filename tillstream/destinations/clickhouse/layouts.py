"""The tables of one source table: bronze, its JSON view, the mirror and the view that feeds it. Pure SQL texts."""

from __future__ import annotations

from collections.abc import Sequence

from tillstream.change import Column, Table
from tillstream.destinations.clickhouse.client import literal, quoted
from tillstream.destinations.clickhouse.types import fits, mirror_type, parsed, suspicious

# Enough for every batch that could be sent again, and small enough to be read at each start.
DEDUPLICATION = "non_replicated_deduplication_window = 1000"
# Tables that get a small part with every batch wait for more of them before they merge. With ClickHouse's 5, a
# rollup of 60,000 rows was merged as a whole again and again: 300 small inserts merged 1.3 million rows; now 2,400.
LAZY_MERGES = "merge_selector_base = 10"
# For tables whose rows are looked up by key, a few at a time: small granules, and compact parts, which keep all
# columns of a granule together. Measured: 200 of 5 million rows cost 19 ms where ClickHouse's own settings for
# large parts cost 150; reading a few columns of all rows costs twice as much.
_NEVER = 1 << 40
BY_KEY = f"index_granularity = 256, min_bytes_for_wide_part = {_NEVER}, min_rows_for_wide_part = {_NEVER}"

META_TYPES = {
    "_till_batch": "UInt64",
    "_till_lsn": "UInt64",
    "_till_ordinal": "UInt32",
    "_till_op": "LowCardinality(String)",
    "_till_xid": "UInt32",
    "_till_committed_at": "DateTime64(6, 'UTC')",
    "_till_unchanged": "Array(LowCardinality(String))",
    "_till_before": "Nullable(String)",
}
# What a mirror has besides the source's columns.
MIRROR_TYPES = {"_version": "UInt128", "_deleted": "UInt8", "_committed_at": "DateTime64(6, 'UTC')"}
# What a mirror without a key has, too: the place a row is known by, and the batch it came with.
KEYLESS_TYPES = {"_row": "UInt128", "_batch": "UInt64"}

RESERVED = frozenset({*META_TYPES, *MIRROR_TYPES, *KEYLESS_TYPES})

VERSION = "bitOr(bitShiftLeft(toUInt128(_till_lsn), 32), toUInt128(_till_ordinal))"
# In the feed the source's columns carry this prefix, so that none hides behind a result of its name.
ROW = "_till_row"


def bronze_name(table: Table) -> str:
    """Where the changes are, as they came."""
    return f"bronze.{quoted(table.warehouse_name)}"


def mirror_name(table: Table) -> str:
    """Where the rows are, as they are now."""
    return f"mirror.{quoted(table.warehouse_name)}"


def json_view_name(table: Table) -> str:
    """The view that shows changes as JSON."""
    return f"bronze.{quoted(table.warehouse_name + '_json')}"


def feed_name(table: Table) -> str:
    """The view that brings what bronze gets to the mirror."""
    return f"mirror.{quoted(table.warehouse_name + '_feed')}"


def bronze_columns(table: Table) -> dict[str, str]:
    """Name and type of every column of the bronze table."""
    return META_TYPES | {column.name: "Nullable(String)" for column in table.columns}


def mirror_columns(table: Table) -> dict[str, str]:
    """Name and type of every column of the mirror."""
    own = {column.name: mirror_type(column.type, in_key=column.name in table.key) for column in table.columns}
    return own | MIRROR_TYPES | ({} if table.key else KEYLESS_TYPES)


def older_values(table: Table, *, in_bronze: bool) -> dict[str, str]:
    """The default of each column that rows older than it have a value in: what a source has, the mirror has."""
    values = {}
    for column in table.columns:
        if column.missing is not None:
            text = f"CAST({literal(column.missing)}, 'Nullable(String)')"
            values[column.name] = f" default {text if in_bronze else parsed(text, column.type)}"
    return values


def create_bronze(table: Table) -> str:
    """The bronze table: append-only, in the order of the batches."""
    return (
        f"create table if not exists {bronze_name(table)} ({_declared(bronze_columns(table))})"
        f" engine = MergeTree order by (_till_batch, _till_lsn, _till_ordinal)"
        f" settings {LAZY_MERGES}, {DEDUPLICATION}"
    )


def create_mirror(table: Table) -> str:
    """The mirror: the row with the highest version wins. Small granules, since rows are looked up by key."""
    order = ", ".join(quoted(name) for name in table.key) or "_row"
    return (
        f"create table if not exists {mirror_name(table)} ({_declared(mirror_columns(table))})"
        f" engine = ReplacingMergeTree(_version, _deleted) order by ({order})"
        f" settings {BY_KEY}, {DEDUPLICATION}"
    )


def create_json_view(table: Table) -> str:
    """The bronze rows with the source's columns as one JSON object, whatever form bronze keeps them in."""
    shape = ", ".join(f"{quoted(column.name)} Nullable(String)" for column in table.columns)
    values = ", ".join(f"{ROW}.{quoted(column.name)}" for column in table.columns)
    meta = ", ".join(f"{ROW}.{name} as {name}" for name in META_TYPES if name != "_till_before")
    after = f"toJSONString(CAST(tuple({values}), {literal(f'Tuple({shape})')}))"
    return (
        f"create or replace view {json_view_name(table)} as"
        f" select {meta}, {ROW}._till_before as before, {after} as after from {bronze_name(table)} as {ROW}"
    )


def feed_query(table: Table, *conditions: str) -> str:
    """What the mirror gets from bronze rows; `conditions` narrow them down."""
    return fed_by(table, bronze_name(table), *conditions)


def fed_by(table: Table, rows: str, *conditions: str) -> str:
    """What the mirror gets from `rows`, which has bronze's columns: a table, or a query in parentheses."""
    values = [f"{_mirrored(table, column)} as {quoted(column.name)}" for column in table.columns]
    values += [f"{VERSION} as _version", "_till_op = 'D' as _deleted", "_till_committed_at as _committed_at"]
    if not table.key:
        # Without a key an update or a delete can't be followed: bronze has it, the mirror does not.
        values += [f"{VERSION} as _row", "_till_batch as _batch"]
    kept = "_till_op in ('R', 'I', 'U', 'D')" if table.key else "_till_op in ('R', 'I')"
    wanted = [kept, *(f"isNotNull({_read(table, table.column(name))})" for name in table.key), *conditions]
    return f"select {', '.join(values)} from {rows} as {ROW} where {' and '.join(wanted)}"


def create_feed(table: Table) -> str:
    """The view by which the mirror follows every insert into bronze."""
    return f"create materialized view if not exists {feed_name(table)} to {mirror_name(table)} as {feed_query(table)}"


def modify_feed(table: Table) -> str:
    """The statement that makes the feed follow the layout."""
    return f"alter table {feed_name(table)} modify query {feed_query(table)}"


def fed_columns(table: Table) -> list[str]:
    """The columns of the mirror in the order `feed_query` gives them."""
    own = [column.name for column in table.columns]
    return [*own, *MIRROR_TYPES, *([] if table.key else KEYLESS_TYPES)]


def truncate_query(table: Table, number: int) -> str:
    """SQL that buries every row of the mirror that is older than the batch's last truncate."""
    columns = ", ".join(quoted(name) for name in table.key or KEYLESS_TYPES)
    emptied = (
        f"select {VERSION}, _till_committed_at from {bronze_name(table)}"
        f" where _till_batch = {number} and _till_op = 'T' order by 1 desc limit 1"
    )
    return (
        f"insert into {mirror_name(table)} ({columns}, _version, _deleted, _committed_at)"
        f" select {columns}, emptied.1, 1, emptied.2 from (select *, ({emptied}) as emptied from {mirror_name(table)}"
        " final) where _deleted = 0 and _version < emptied.1"
    )


def unfit_columns(table: Table) -> Sequence[tuple[Column, str]]:
    """Each column that can hold a text the mirror can't, with the SQL that finds such texts."""
    found = []
    for column in table.columns:
        text = f"{ROW}.{quoted(column.name)}"
        fitting = fits(text, column.type, in_key=column.name in table.key)
        if fitting is not None:
            found.append((column, f"(isNotNull({text}) and not ifNull({fitting}, 0))"))
    return found


def suspicious_rows(table: Table) -> str | None:
    """SQL that finds the rows that may have a text the mirror can't hold; None if none ever has."""
    conditions = [suspicious(f"{ROW}.{quoted(column.name)}", column.type) for column in table.columns]
    return " or ".join(condition for condition in conditions if condition) or None


def _declared(columns: dict[str, str]) -> str:
    return ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())


def _read(table: Table, column: Column) -> str:
    return parsed(f"{ROW}.{quoted(column.name)}", column.type, in_key=column.name in table.key)


def _mirrored(table: Table, column: Column) -> str:
    value = _read(table, column)
    return f"assumeNotNull({value})" if column.name in table.key else value
