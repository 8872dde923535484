"""What must be true when a history has run to its end."""

from __future__ import annotations

from collections.abc import Mapping

from tests.flow.histories import EVENTS, LINES, ORDERS, History
from tillstream.destinations.clickhouse.client import Warehouse, quoted
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.types import printed
from tillstream.destinations.memory import MemoryDestination, MemoryLayer, Mirrors, Texts


class ClickHouseMirrors:
    """The mirrors of a warehouse, as texts."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def rows(self, name: str) -> list[Texts]:
        types = dict(
            self._warehouse.rows(
                f"select name, type from system.columns where database = 'mirror' and table = '{name}'"
                " and name not in ('_version', '_deleted', '_committed_at', '_row', '_batch')"
            )
        )
        columns = {column.name: column for of in (ORDERS, LINES, EVENTS) for column in of.columns if of.name == name}
        texts = [
            printed(quoted(column), columns[column].type) if column in columns else f"toString({quoted(column)})"
            for column in types
        ]
        found = self._warehouse.rows(f"select {', '.join(texts)} from mirror.{quoted(name)} final where _deleted = 0")
        return [dict(zip(types, row, strict=True)) for row in found]


def bronze_counts(destination: MemoryDestination | ClickHouseDestination, numbers: range) -> dict[str, int]:
    """Rows of each table over all batches."""
    counts: dict[str, int] = {}
    for number in numbers:
        for name, count in destination.arrived(number).items():
            counts[name] = counts.get(name, 0) + count
    return counts


def check_end(history: History, mirrors: Mirrors, layer: MemoryLayer, counts: Mapping[str, int]) -> None:
    """Bronze has every row once, the mirrors hold what the store holds, the layer has counted it."""
    assert counts == history.counts
    for table in (ORDERS, LINES, EVENTS):
        if table.name not in history.counts:
            continue
        rows = mirrors.rows(table.name)
        names = rows[0].keys() if rows else ()
        expected = [{name: _known(row.get(name), name) for name in names} for row in history.model.rows(table)]
        assert _comparable(rows) == _comparable(expected)
        assert layer.totals[table.name] == len(expected)


def _known(text: str | None, name: str) -> str | None:
    # An array column has no null: an empty array stands for it. Elements come back quoted.
    if name != "tags":
        return text
    spelled = {None: "{}", '{a,"b c",NULL}': '{"a","b c",NULL}'}
    return spelled.get(text, text)


def _comparable(rows: list[Texts]) -> list[tuple[tuple[str, str | None], ...]]:
    spelled = [{name: _known(text, name) for name, text in row.items()} for row in rows]
    return sorted((tuple(sorted(row.items())) for row in spelled), key=str)
