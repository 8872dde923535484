"""The same SQL over the clones of one moment: every layer's database gets its `verify_` twin."""

from __future__ import annotations

import re

from tillstream.destinations.clickhouse.client import Warehouse, quoted
from tillstream.quality.moment import PREFIX

_LAYER = re.compile(r"(?<![\w`.])`?(mirror|store|facts|live)`?\.(?=[`\w])")


def over_clones(sql: str) -> str:
    """The SQL, reading the clones instead of the tables that go on changing."""
    return _LAYER.sub(lambda match: f"{PREFIX}{match.group(1)}.", sql)


def clone_views(warehouse: Warehouse) -> None:
    """Make the store's canonical views again over the cloned mirror."""
    views = dict(
        warehouse.rows("select name, as_select from system.tables where database = 'store' and engine = 'View'")
    )
    database = f"{PREFIX}store"
    warehouse.execute(f"create database if not exists {database}")
    # A view may read another one: those whose parts are there first.
    while views:
        ready = [name for name, sql in views.items() if not _waits_for(sql, views.keys() - {name})]
        for name in ready or list(views):
            warehouse.execute(f"create or replace view {database}.{quoted(name)} as {over_clones(views.pop(name))}")


def _waits_for(sql: str, others: set[str]) -> bool:
    return any(re.search(rf"\bstore`?\.`?{re.escape(name)}\b", sql) for name in others)
