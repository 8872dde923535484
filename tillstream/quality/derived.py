"""Facts against the mirror, and rollups against the facts: each layer is worked out anew from the one above."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tillstream.destinations.clickhouse.client import Warehouse, quoted
from tillstream.quality.moment import PREFIX
from tillstream.quality.report import Comparison, Difference, LayerName
from tillstream.quality.rewritten import over_clones

# Orders whose rows are read to name what differs in them.
ROOTS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class FactModel:
    """A fact table and the query it must agree with.

    `root` is the column that says what a row belongs to (an order), `row` those that tell its rows apart.
    """

    name: str
    root: str
    row: tuple[str, ...]
    columns: tuple[str, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Rollup:
    """A rollup's table and the query over the facts it must agree with.

    `measures` maps each measure to its type in the table; AggregateFunction states are merged.
    """

    name: str
    keys: tuple[str, ...]
    measures: dict[str, str]
    sql: str


def compare_facts(warehouse: Warehouse, model: FactModel) -> tuple[Comparison, list[str]]:
    """The result for one fact table, and the roots (as texts) whose rows differ."""
    begun = time.monotonic()
    table = f"{PREFIX}facts.{quoted(model.name)}"
    columns = _listed(model.columns)
    expected = f"select {columns}, 1 as _count from ({over_clones(model.sql)})"
    found = f"select {columns}, -sum(sign) as _count from {table} group by {columns} having _count != 0"
    both = f"select {quoted(model.root)} as _root, {columns}, _count from ({expected} union all {found})"
    roots = warehouse.rows(
        f"select distinct toString(_root) from (select _root, sum(_count) as _left from ({both})"
        f" group by _root, {columns} having _left != 0) order by 1"
    )
    result = Comparison("facts", f"facts.{model.name}")
    result.row_count = int(warehouse.value(f"select ifNull(sum(sign), 0) from {table}"))
    result.range_count = 1
    keys = [str(root) for (root,) in roots]
    result.different_rows = len(keys)
    if keys:
        wanted = "toString(" + quoted(model.root) + ") in {roots:Array(String)}"
        parameters = {"roots": keys[:ROOTS_SHOWN]}
        texts = _texts(model.columns)
        right = warehouse.rows(f"select {texts} from ({expected}) where {wanted}", parameters)
        there = warehouse.rows(f"select {texts} from ({found}) where {wanted}", parameters)
        _name_differences(result, model.columns, model.row, (right, there))
    result.seconds = time.monotonic() - begun
    return result, keys


def compare_rollup(warehouse: Warehouse, rollup: Rollup) -> Comparison:
    """The result for one rollup: every bucket, whatever the state of the merges."""
    begun = time.monotonic()
    table = f"{PREFIX}live.{quoted(rollup.name)}"
    columns = (*rollup.keys, *rollup.measures)
    expected = _bucketed(rollup, f"({over_clones(rollup.sql)})")
    found = _bucketed(rollup, table)
    texts = _texts(columns)
    right = f"select {texts} from ({expected})"
    there = f"select {texts} from ({found})"
    result = Comparison("live", f"live.{rollup.name}")
    result.row_count = int(warehouse.value(f"select count() from ({there})"))
    result.range_count = 1
    missing = warehouse.rows(f"{right} except {there}")
    surplus = warehouse.rows(f"{there} except {right}")
    if missing or surplus:
        _name_differences(result, columns, rollup.keys, (missing, surplus))
        result.different_rows = len({row[: len(rollup.keys)] for row in missing + surplus})
    result.seconds = time.monotonic() - begun
    return result


def _bucketed(rollup: Rollup, relation: str) -> str:
    keys = _listed(rollup.keys)
    measures = {name: measured(name, kind) for name, kind in rollup.measures.items()}
    shown = ", ".join(f"{expression} as {quoted(name)}" for name, expression in measures.items())
    # A bucket that sums to nothing is the same as no bucket.
    empty = " and ".join(f"{quoted(name)} = 0" for name in measures)
    head = f"select {keys}, {shown}" if keys else f"select {shown}"
    group = f" group by {keys}" if keys else ""
    return f"select * from ({head} from {relation}{group}) where not ({empty})"


def measured(name: str, kind: str) -> str:
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
