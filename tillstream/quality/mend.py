"""Mending facts and rollups from the layer above them. The pump must be held meanwhile."""

from __future__ import annotations

from tillstream.destinations.clickhouse.client import Warehouse, quoted
from tillstream.live.corrections import correct
from tillstream.live.definitions import Fact, Rollup
from tillstream.quality.derived import bucketed, fact_columns, rollup_measures

# What is mended now may equal what was inserted once before.
_AGAIN = " settings insert_deduplicate = 0"


def rebuild_facts(warehouse: Warehouse, fact: Fact) -> int:
    """Insert the difference between a fact table and its query. Returns how many rows were put right.

    The rollups' views see these rows; whoever calls this looks at the rollups afterwards.
    """
    columns = ", ".join(quoted(name) for name in fact_columns(warehouse, fact))
    # A row that was changed by hand keeps its old hash. It has to go: a row of that hash with the right
    # values would be merged with it, and one of the two would be kept.
    changed = f"content != sipHash128(tuple({columns}))"
    if warehouse.value(f"select count() from {fact.table} where {changed}"):
        warehouse.execute(f"alter table {fact.table} delete where {changed} settings mutations_sync = 1")
    difference = (
        f"select {columns}, sipHash128(tuple({columns})) as content, sum(_count) as sign from ("
        f"select {columns}, toInt64(1) as _count from ({fact.sql}\n)"
        f" union all select {columns}, -sign as _count from {fact.table}"
        f") group by {columns} having sign != 0"
    )
    count = int(warehouse.value(f"select count() from ({difference})"))
    if count:
        warehouse.execute(f"insert into {fact.table} ({columns}, content, sign) {difference}{_AGAIN}")
    return count


def rebuild_rollup(warehouse: Warehouse, rollup: Rollup) -> int:
    """Insert the difference between a rollup and its query. Returns how many buckets were put right."""
    measures = rollup_measures(warehouse, rollup)
    right = bucketed(rollup, measures, f"({rollup.sql}\n)")
    there = bucketed(rollup, measures, rollup.table)
    keys = ", ".join(quoted(name) for name in rollup.keys)
    count = int(
        warehouse.value(
            f"select uniqExact(tuple({keys})) from (({right} except {there}) union all ({there} except {right}))"
        )
    )
    if count:
        correct(warehouse, rollup, measures)
    return count
