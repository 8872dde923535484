"""Facts against the mirror, and rollups against the facts: each layer is worked out anew from the one above."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from tillstream.destinations.clickhouse.client import Warehouse, quoted
from tillstream.live.definitions import Fact, Rollup
from tillstream.quality.moment import PREFIX
from tillstream.quality.report import Comparison, Difference, LayerName
from tillstream.quality.rewritten import over_clones

# Orders whose rows are read to name what differs in them.
ROOTS_SHOWN = 50


def compare_facts(warehouse: Warehouse, fact: Fact) -> Comparison:
    """The result for one fact table; what differs is counted by root (by order, by cart)."""
    begun = time.monotonic()
    table = f"{PREFIX}facts.{quoted(fact.name)}"
    names = fact_columns(warehouse, fact)
    columns = _listed(names)
    expected = f"select {columns}, 1 as _count from ({over_clones(fact.sql)}\n)"
    found = f"select {columns}, -sum(sign) as _count from {table} group by {columns} having _count != 0"
    both = f"select {quoted(fact.key)} as _root, {columns}, _count from ({expected} union all {found})"
    roots = warehouse.rows(
        f"select distinct toString(_root) from (select _root, sum(_count) as _left from ({both})"
        f" group by _root, {columns} having _left != 0) order by 1"
    )
    result = Comparison("facts", fact.table)
    result.row_count = int(warehouse.value(f"select ifNull(sum(sign), 0) from {table}"))
    result.range_count = 1
    keys = [str(root) for (root,) in roots]
    result.different_rows = len(keys)
    if keys:
        wanted = "toString(" + quoted(fact.key) + ") in {roots:Array(String)}"
        parameters = {"roots": keys[:ROOTS_SHOWN]}
        texts = _texts(names)
        right = warehouse.rows(f"select {texts} from ({expected}) where {wanted}", parameters)
        there = warehouse.rows(f"select {texts} from ({found}) where {wanted}", parameters)
        _name_differences(result, names, fact.rows, (right, there))
    result.seconds = time.monotonic() - begun
    return result


def compare_rollup(warehouse: Warehouse, rollup: Rollup) -> Comparison:
    """The result for one rollup: every bucket, whatever the state of the merges."""
    begun = time.monotonic()
    table = f"{PREFIX}{rollup.database}.{quoted(rollup.name)}"
    measures = rollup_measures(warehouse, rollup)
    columns = (*rollup.keys, *measures)
    expected = bucketed(rollup, measures, f"({over_clones(rollup.sql)}\n)")
    found = bucketed(rollup, measures, table)
    texts = _texts(columns)
    right = f"select {texts} from ({expected})"
    there = f"select {texts} from ({found})"
    result = Comparison("live", rollup.table)
    result.row_count = int(warehouse.value(f"select count() from ({there})"))
    result.range_count = 1
    missing = warehouse.rows(f"{right} except {there}")
    surplus = warehouse.rows(f"{there} except {right}")
    if missing or surplus:
        _name_differences(result, columns, rollup.keys, (missing, surplus))
        result.different_rows = len({row[: len(rollup.keys)] for row in missing + surplus})
    result.seconds = time.monotonic() - begun
    return result


def fact_columns(warehouse: Warehouse, fact: Fact) -> tuple[str, ...]:
    """The fact's columns as its query has them: without the content's hash and the sign."""
    return tuple(name for name, _ in _columns(warehouse, "facts", fact.name) if name not in ("content", "sign"))


def rollup_measures(warehouse: Warehouse, rollup: Rollup) -> dict[str, str]:
    """The rollup's measures and their types."""
    return {name: kind for name, kind in _columns(warehouse, rollup.database, rollup.name) if name not in rollup.keys}


def bucketed(rollup: Rollup, measures: Mapping[str, str], relation: str) -> str:
    """SQL for the buckets of a relation like the rollup, summed; a bucket that sums to nothing is no bucket."""
    keys = _listed(rollup.keys)
    shown = ", ".join(f"{_summed(name, kind)} as {quoted(name)}" for name, kind in measures.items())
    empty = " and ".join(f"{quoted(name)} = 0" for name in measures)
    # The inner names would otherwise be taken for the aggregates of the same name.
    return (
        f"select * from (select {keys}, {shown} from (select * from {relation}) group by {keys}"
        f" settings prefer_column_name_to_alias = 1) where not ({empty})"
    )


def _columns(warehouse: Warehouse, database: str, name: str) -> list[tuple[str, str]]:
    rows = warehouse.rows(
        "select name, type from system.columns where database = {database:String} and table = {name:String}"
        " order by position",
        {"database": database, "name": name},
    )
    return [(str(column), str(kind)) for column, kind in rows]


def _summed(name: str, kind: str) -> str:
    """How a measure of that type is summed over the unmerged rows of its bucket."""
    if kind.startswith("AggregateFunction("):
        function = kind.removeprefix("AggregateFunction(").split(",")[0].split("(")[0].strip()
        return f"{function}Merge({quoted(name)})"
    return f"sum({quoted(name)})"


def _name_differences(
    result: Comparison,
    columns: Sequence[str],
    key: Sequence[str],
    sides: tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]],
) -> None:
    places = [list(columns).index(name) for name in key]
    expected, found = ({tuple(row[place] for place in places): row for row in side} for side in sides)
    layer: LayerName = result.layer
    for identity in sorted(expected.keys() | found.keys(), key=str):
        shown = ", ".join(f"{name} = {value}" for name, value in zip(key, identity, strict=True))
        right, there = expected.get(identity), found.get(identity)
        if right is None or there is None:
            sides_shown = (None if right is None else "a row", None if there is None else "a row")
            result.add(Difference(layer, result.table, "", shown, "(whole row)", *sides_shown))
            continue
        for column, left, other in zip(columns, right, there, strict=True):
            if left != other:
                result.add(Difference(layer, result.table, "", shown, column, str(left), str(other)))


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in columns)


def _texts(columns: Sequence[str]) -> str:
    return ", ".join(f"toString({quoted(name)})" for name in columns)
