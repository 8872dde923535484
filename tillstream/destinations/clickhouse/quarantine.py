"""What could not be kept as it came, with its place and the reason: `till.quarantine`.

Bronze always has the source's text. An entry here says that the mirror does not have it: the row's
value is null (or the row is missing, if the value is part of its key).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tillstream.change import Column, Refused, Table
from tillstream.destinations.clickhouse.client import literal, quoted
from tillstream.destinations.clickhouse.layouts import ROW, bronze_name, suspicious_rows, unfit_columns
from tillstream.destinations.clickhouse.types import CALM, mirror_type

QUARANTINE = "till.quarantine"

CREATE = f"""
create table if not exists {QUARANTINE} (
    id String,
    at DateTime64(6, 'UTC') default now64(6),
    stream LowCardinality(String),
    batch UInt64,
    table LowCardinality(String),
    position String comment 'log position and ordinal, joined by a colon',
    key String,
    column LowCardinality(String),
    raw String comment 'the bytes as they came',
    rule LowCardinality(String),
    reason String,
    state LowCardinality(String) default 'open',
    recorded_at DateTime64(6, 'UTC') default now64(6)
) engine = ReplacingMergeTree(recorded_at) order by (table, id)
"""

COLUMNS = "id, stream, batch, table, position, key, column, raw, rule, reason"

# Above this a query in the engine is cheaper than looking at the bytes here.
FEW_ROWS = 4_000
# What no row could be made of may be large; so many go into one statement.
REFUSED_AT_ONCE = 200

_CALM = {kind: re.compile(rf"(?:{pattern}\n)*") for kind, pattern in CALM.items()}


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value the source left out and that nobody has: the row is mirrored without it."""

    position: str
    key: str
    column: str


def suspicious(table: Table, rows: pa.Table) -> bool:
    """Whether some text might not fit. False is certain for texts a source prints for its own types."""
    if rows.num_rows > FEW_ROWS:
        return bool(unfit_columns(table))
    return any(
        not _calm(column, rows.column(column.name)) for column in table.columns if column.name in rows.column_names
    )


def suspects_query(table: Table, number: int) -> str | None:
    """SQL that counts one batch's bronze rows that might not fit; None if all do. Cheap beside `unfit_query`."""
    suspicious = suspicious_rows(table)
    if suspicious is None:
        return None
    return f"select count() from {bronze_name(table)} as {ROW} where _till_batch = {number} and ({suspicious})"


def unfit_query(table: Table, stream: str, number: int) -> str | None:
    """SQL that quarantines what the mirror could not keep of one batch's bronze rows; None if all fits."""
    found = unfit_values(table, stream, number, f"{bronze_name(table)} as {ROW} where _till_batch = {number} and")
    return found and f"insert into {QUARANTINE} ({COLUMNS}) {found} settings insert_deduplicate = 0"


def unfit_values(table: Table, stream: str, number: int, rows: str) -> str | None:
    """The query of what the mirror could not keep of bronze rows; None if all fits.

    `rows` is what follows `from`, up to a condition to which more can be added.
    """
    unfit = unfit_columns(table)
    if not unfit:
        return None
    found = ", ".join(
        f"if({condition}, [({_described(table, column)}, ifNull({ROW}.{quoted(column.name)}, ''))], [])"
        for column, condition in unfit
    )
    key = ", ".join(f"ifNull({ROW}.{quoted(name)}, '')" for name in table.key)
    return (
        "select hex(sipHash128(table, position, key, column, raw)) as id,"
        f" {literal(stream)} as stream, {number} as batch, {literal(table.warehouse_name)} as table,"
        " position, key, unfit.1.1 as column, unfit.2 as raw, unfit.1.2 as rule, unfit.1.3 as reason"
        f" from (select concat(toString(_till_lsn), ':', toString(_till_ordinal)) as position,"
        f" arrayStringConcat([{key}]::Array(String), ', ') as key, arrayJoin(arrayConcat({found})) as unfit"
        f" from {rows} _till_op != 'T'"
        f" and ({' or '.join(condition for _, condition in unfit)}))"
    )


def unknown_query(table: Table, stream: str, number: int, unknown: Sequence[Unknown]) -> str:
    """SQL that quarantines values that were left out and could not be found."""
    rows = ", ".join(f"({literal(entry.position)}, {literal(entry.key)}, {literal(entry.column)})" for entry in unknown)
    return (
        f"insert into {QUARANTINE} ({COLUMNS}) select"
        " hex(sipHash128(table, position, key, column)) as id,"
        f" {literal(stream)} as stream, {number} as batch, {literal(table.warehouse_name)} as table,"
        " position, key, column, '' as raw, 'unchanged' as rule,"
        " 'the source left this value out as unchanged, and the mirror has no earlier one' as reason"
        f" from values('position String, key String, column String', {rows})"
        " settings insert_deduplicate = 0"
    )


def refused_queries(stream: str, number: int, refused: Sequence[Refused]) -> Iterator[str]:
    """SQL that quarantines what came and was no change that could be read, some at a time."""
    for start in range(0, len(refused), REFUSED_AT_ONCE):
        rows = ", ".join(
            "(" + ", ".join(literal(text) for text in _texts_of(entry)) + ")"
            for entry in refused[start : start + REFUSED_AT_ONCE]
        )
        yield (
            f"insert into {QUARANTINE} ({COLUMNS}) select"
            " hex(sipHash128(table, position)) as id,"
            f" {literal(stream)} as stream, {number} as batch, table, position, key, '' as column, raw, rule, reason"
            " from values('table String, position String, key String, raw String, rule String, reason String',"
            f" {rows}) settings insert_deduplicate = 0, max_query_size = {1 << 30}"
        )


def _texts_of(entry: Refused) -> Sequence[str]:
    return entry.origin, entry.position, _text(entry.key), _text(entry.raw), entry.rule, entry.reason


def _text(raw: bytes) -> str:
    """The bytes themselves where they are text; others behind a word that says how they are written."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(raw).decode()


def _described(table: Table, column: Column) -> str:
    """Column, rule and reason."""
    if column.name in table.key:
        reason = f"the key is not a {column.declared} that can be kept; the mirror leaves the row out"
        return f"({literal(column.name)}, 'key', {literal(reason)})"
    kind = mirror_type(column.type)
    reason = f"the text is not one of {column.declared} that {kind} can hold; the mirror has null"
    return f"({literal(column.name)}, 'type', {literal(reason)})"


def _calm(column: Column, values: pa.ChunkedArray) -> bool:
    if values.null_count == len(values):
        return True
    if column.type.kind == "array":
        return False
    if column.type.kind not in _CALM:
        # Kinds that are kept as text: every text fits.
        return True
    texts = "".join(f"{text}\n" for text in values.to_pylist() if text is not None)
    return _CALM[column.type.kind].fullmatch(texts) is not None
