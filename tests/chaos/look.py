"""What is on disk after a crash, seen without the pipeline: a fingerprint per table of each layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tillstream.destinations.clickhouse.client import Warehouse, literal, quoted

Fingerprints = dict[str, str]


def looked(folder: Path, number: int) -> dict[str, Any]:
    """The fingerprints of every layer, by table; bronze and staged rows of batch `number` only."""
    warehouse = Warehouse(f"chdb://{folder.resolve() / 'warehouse'}")
    batch = f"_till_batch = {number}"
    return {
        "ledger": newest(warehouse),
        "bronze": {
            name: str(warehouse.value(f"select count() from bronze.{quoted(name)} where {batch}"))
            for name in tables(warehouse, "bronze", "engine = 'MergeTree'")
        },
        "mirror": {
            name: rows_of(warehouse, f"select * from mirror.{quoted(name)} final where _deleted = 0")
            for name in tables(warehouse, "mirror", "engine like '%MergeTree' and name != 'links'")
        },
        "staged": {
            name: rows_of(warehouse, f"select distinct * except stage from till.{quoted(name)} where batch = {number}")
            for name in tables(warehouse, "till", "startsWith(name, 'delta_')")
        },
        "facts": {
            name: sums_of(warehouse, "facts", name) for name in tables(warehouse, "facts", "engine like '%MergeTree'")
        },
        "rollups": {
            name: sums_of(warehouse, "live", name) for name in tables(warehouse, "live", "engine like '%MergeTree'")
        },
    }


def newest(warehouse: Warehouse) -> dict[str, Any]:
    """What the ledger said last. A second attempt that knows what is staged counts as staged."""
    number, state, is_staged = warehouse.rows(
        "select number, toString(state), is_staged from till.ledger"
        " order by number desc, attempt desc, till.ledger.state desc limit 1"
    )[0]
    return {"number": number, "state": "staged" if state == "intent" and is_staged else state}


def tables(warehouse: Warehouse, database: str, condition: str) -> list[str]:
    """The tables of a database that fulfil a condition."""
    found = warehouse.rows(f"select name from system.tables where database = {literal(database)} and {condition}")
    return sorted(name for (name,) in found)


def rows_of(warehouse: Warehouse, query: str) -> str:
    """One text for a set of rows, whatever their order."""
    return str(warehouse.rows(f"select count(), sum(cityHash64(toString(tuple(*)))) from ({query})")[0])


def sums_of(warehouse: Warehouse, database: str, name: str) -> str:
    """One text for what a table of sums says once its rows are merged."""
    return rows_of(warehouse, f"select * from {database}.{quoted(name)} final")
