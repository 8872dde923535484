"""What must hold after every batch: each layer is what a recompute from the one above says."""

from __future__ import annotations

from tests.live.shop import Shop
from tillstream.live.definitions import Fact, Rollup
from tillstream.live.layer import LiveLayer


def assert_exact(shop: Shop) -> None:
    """Facts equal their full query; rollups equal theirs over the facts."""
    for fact in shop.layer.definitions.facts:
        assert fact_differences(shop.layer, fact) == [], fact.name
    for rollup in shop.layer.definitions.rollups:
        assert rollup_differences(shop.layer, rollup) == [], rollup.name


def fact_differences(layer: LiveLayer, fact: Fact) -> list[tuple[object, ...]]:
    """Rows the fact's query has and the table has not (1), and the other way round (-1)."""
    names = ", ".join(name for name in _columns(layer, "facts", fact.name) if name not in ("content", "sign"))
    return layer.warehouse.rows(
        f"select {names}, sum(times) as times from (select {names}, 1 as times from ({fact.sql})"
        f" union all select {names}, -sign as times from {fact.table}) group by {names} having times != 0"
    )


def rollup_differences(layer: LiveLayer, rollup: Rollup) -> list[tuple[object, ...]]:
    """Buckets whose sums are not those of the rollup's query."""
    keys = ", ".join(rollup.keys)
    measures = [name for name in _columns(layer, rollup.database, rollup.name) if name not in rollup.keys]
    values = ", ".join(measures)
    negated = ", ".join(f"-{name}" for name in measures)
    sums = ", ".join(f"sum({name}) as total_{name}" for name in measures)
    differs = " or ".join(f"total_{name} != 0" for name in measures)
    return layer.warehouse.rows(
        f"select {keys}, {sums} from (select {keys}, {values} from ({rollup.sql})"
        f" union all select {keys}, {negated} from {rollup.table}) group by {keys} having {differs}"
    )


def _columns(layer: LiveLayer, database: str, table: str) -> list[str]:
    rows = layer.warehouse.rows(
        "select name from system.columns where database = {database:String} and table = {table:String}"
        " order by position",
        {"database": database, "table": table},
    )
    return [name for (name,) in rows]
