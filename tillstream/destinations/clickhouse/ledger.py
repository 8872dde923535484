"""The ledger in the warehouse: `till.ledger`, one row for each thing that happened to a batch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tillstream.change import Position
from tillstream.destinations.clickhouse.client import Warehouse, literal
from tillstream.destinations.clickhouse.layouts import LAZY_MERGES
from tillstream.ledger import Entry, Landing

LEDGER = "till.ledger"

CREATE = f"""
create table if not exists {LEDGER} (
    stream LowCardinality(String),
    number UInt64,
    attempt UInt16,
    state Enum8('intent' = 1, 'staged' = 2, 'done' = 3, 'abandoned' = 4, 'forgotten' = 5),
    after_lsn Nullable(UInt64),
    after_ordinal UInt32,
    after_state String,
    lsn UInt64,
    ordinal UInt32,
    position_state String,
    row_counts Map(String, UInt64),
    digest String,
    is_staged Bool,
    transaction_count UInt64,
    committed_first_at Nullable(DateTime64(6, 'UTC')),
    committed_last_at Nullable(DateTime64(6, 'UTC')),
    landed_at Nullable(DateTime64(6, 'UTC')),
    recorded_at DateTime64(6, 'UTC') default now64(6),
    index landed landed_at type minmax granularity 8
) engine = MergeTree order by (stream, number, attempt, state)
settings index_granularity = 1024, {LAZY_MERGES}
"""

_ENTRY = (
    "stream, number, attempt, after_lsn, after_ordinal, after_state, lsn, ordinal, position_state,"
    " row_counts, digest, is_staged"
)
_NEWEST_FIRST = "order by stream desc, number desc, attempt desc, state desc limit 1"


class ClickHouseLedger:
    """Implements `tillstream.ledger.Ledger`; one small insert a call."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        warehouse.execute("create database if not exists till")
        warehouse.execute(CREATE)

    def last_done(self, stream: str) -> Entry | None:
        """The newest batch that is complete."""
        forgotten = f"(select max(number) from {LEDGER} where stream = {literal(stream)} and state = 'forgotten')"
        return self._newest(f"stream = {literal(stream)} and state = 'done' and number > {forgotten}")

    def last_number(self, stream: str) -> int:
        """The highest number a batch ever had, whatever became of it; 0 before the first."""
        newest = self._newest(f"stream = {literal(stream)}")
        return newest.number if newest else 0

    def pending(self, stream: str) -> Entry | None:
        """The batch that was begun and not ended, if there is one: only the newest can be."""
        ended = f"(select state from {LEDGER} where stream = {literal(stream)} {_NEWEST_FIRST})"
        if self._warehouse.value(f"select {ended} in ('intent', 'staged')") != 1:
            return None
        return self._newest(f"stream = {literal(stream)}")

    def intend(self, entry: Entry) -> None:
        """Record that the entry's batch is about to be written."""
        self._record("intent", entry)

    def staged(self, entry: Entry) -> None:
        """Record that the batch's live changes are worked out."""
        self._record("staged", entry, {"is_staged": True})

    def done(self, entry: Entry, landing: Landing) -> None:
        """Record that every layer has the batch."""
        facts = {
            "transaction_count": landing.transaction_count,
            "committed_first_at": landing.committed_first_at,
            "committed_last_at": landing.committed_last_at,
            "landed_at": landing.landed_at or datetime.now(UTC),
        }
        self._record("done", entry, facts)

    def abandon(self, entry: Entry) -> None:
        """Record that the batch was undone and will never be finished."""
        self._record("abandoned", entry)

    def streams(self, prefix: str) -> list[str]:
        """The streams that were ever written of, whose names begin so, in order."""
        found = f"select distinct stream from {LEDGER} where startsWith(stream, {literal(prefix)}) order by stream"
        return [name for (name,) in self._warehouse.rows(found)]

    def landed(self, after: Mapping[str, int]) -> list[Landing]:
        """The batches that are done and later than the number given for their stream; in order, stream by stream."""
        later = [f"(stream = {literal(stream)} and number > {number})" for stream, number in after.items()]
        rows = self._warehouse.rows(
            "select stream, number, lsn, ordinal, position_state, row_counts, transaction_count, committed_first_at,"
            f" committed_last_at from {LEDGER} where state = 'done' and ({' or '.join(later)})"
            " order by stream, number"
        )
        return [
            Landing(
                stream=stream,
                number=number,
                position=Position(lsn, ordinal, state),
                row_counts=dict(row_counts),
                transaction_count=transactions,
                committed_first_at=first,
                committed_last_at=last,
            )
            for stream, number, lsn, ordinal, state, row_counts, transactions, first, last in rows
        ]

    def forget(self, stream: str) -> None:
        """From now on no batch of the stream is done; numbers go on."""
        self._record("forgotten", Entry(stream, self.last_number(stream) + 1, None, Position(0), {}, ""))

    def _record(self, state: str, entry: Entry, facts: Mapping[str, Any] | None = None) -> None:
        after = entry.after
        values = {
            "stream": entry.stream,
            "number": entry.number,
            "attempt": entry.attempt,
            "state": state,
            "after_lsn": after.lsn if after else None,
            "after_ordinal": after.ordinal if after else 0,
            "after_state": after.state if after else "",
            "lsn": entry.position.lsn,
            "ordinal": entry.position.ordinal,
            "position_state": entry.position.state,
            "row_counts": entry.row_counts,
            "digest": entry.digest,
            "is_staged": entry.is_staged,
            **(facts or {}),
        }
        written = ", ".join(_sql(value) for value in values.values())
        self._warehouse.execute(f"insert into {LEDGER} ({', '.join(values)}) values ({written})")

    def _newest(self, condition: str) -> Entry | None:
        rows = self._warehouse.rows(f"select {_ENTRY} from {LEDGER} where {condition} {_NEWEST_FIRST}")
        if not rows:
            return None
        stream, number, attempt, after_lsn, after_ordinal, after_state, *rest = rows[0]
        lsn, ordinal, position_state, row_counts, digest, is_staged = rest
        return Entry(
            stream=stream,
            number=number,
            after=None if after_lsn is None else Position(after_lsn, after_ordinal, after_state),
            position=Position(lsn, ordinal, position_state),
            row_counts=dict(row_counts),
            digest=digest,
            attempt=attempt,
            is_staged=is_staged,
        )


def _sql(value: object) -> str:
    """A value as the engine's fast parser reads it: one function call among the values costs a millisecond."""
    match value:
        case None:
            return "null"
        case int():
            return str(int(value))
        case datetime():
            return literal(value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"))
        case dict():
            return "{" + ", ".join(f"{literal(key)}: {count}" for key, count in value.items()) + "}"
        case _:
            return literal(str(value))
