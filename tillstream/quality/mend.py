"""Mending facts and rollups from the layer above them. The pump must be held meanwhile."""

from __future__ import annotations

from tillstream.destinations.clickhouse.client import Warehouse, quoted
from tillstream.quality.derived import FactModel, Rollup, measured

LAYERS_IN_PLACE: dict[str, object] = {"mutations_sync": 1}


def rebuild_facts(warehouse: Warehouse, model: FactModel) -> int:
    """Insert the difference between a fact table and its query. Returns how many rows were put right.

    The rollups' views see these rows; whoever calls this looks at the rollups afterwards.
    """
    table = f"facts.{quoted(model.name)}"
    columns = ", ".join(quoted(name) for name in model.columns)
    difference = (
        f"select {columns}, sum(_count) as sign from ("
        f"select {columns}, toInt64(1) as _count from ({model.sql})"
        f" union all select {columns}, -sign as _count from {table}"
        f") group by {columns} having sign != 0"
    )
    count = int(warehouse.value(f"select count() from ({difference})"))
    if count:
        warehouse.execute(f"insert into {table} ({columns}, sign) {difference}")
    return count


def rebuild_rollup(warehouse: Warehouse, rollup: Rollup) -> int:
    """Replace a rollup's buckets by what the facts say, if any differs. Returns how many buckets differed."""
    table = f"live.{quoted(rollup.name)}"
    keys = ", ".join(quoted(name) for name in rollup.keys)
    names = ", ".join(quoted(name) for name in (*rollup.keys, *rollup.measures))
    shown = ", ".join(f"{measured(name, kind)} as {quoted(name)}" for name, kind in rollup.measures.items())
    group = f" group by {keys}" if keys else ""
    head = f"{keys}, {shown}" if keys else shown
    right = f"select {head} from ({rollup.sql}){group}"
    there = f"select {head} from {table}{group}"
    some = " or ".join(f"{quoted(name)} != 0" for name in rollup.measures)
    differing = f"select * from ({right}) where {some} except select * from ({there}) where {some}"
    surplus = f"select * from ({there}) where {some} except select * from ({right}) where {some}"
    tuples = f"({keys or '1'})"
    count = int(
        warehouse.value(f"select uniqExact({tuples}) from (({differing}) union all ({surplus}))")
        if keys
        else warehouse.value(f"select count() > 0 from (({differing}) union all ({surplus}))")
    )
    if count:
        warehouse.execute(f"truncate table {table} sync")
        warehouse.execute(f"insert into {table} ({names}) select {names} from ({rollup.sql})")
    return count
