"""What the page shows: each panel is a query, what its columns mean, and a query for rows behind it.

`NAME.toml` says what it means in words, `NAME.sql` is the query, and `NAME.behind.sql` a sample of the rows
that the query adds up.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tillstream.destinations.clickhouse.client import Warehouse

FOLDER = Path(__file__).parent / "panels"

Kind = Literal["numbers", "area", "bars", "map", "funnel", "table"]

# Nobody is to write, or to wait for long, through what a page asks.
_READ_ONLY = "settings readonly = 1, max_execution_time = 10"
# Set to 1 for the engine that we bring along; servers know the first from ClickHouse 26.4 on. Views are planned as a
# part of the query, not each by itself: a fifth to a third less work. And these queries are planned for longer than
# they run: a second thread takes up to a fifth more work, and is no faster.
FRUGAL = ("analyzer_inline_views", "max_threads")


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its query, and how to show the result.

    `sources` are the tables the query reads, `chain` those on the way from the store to them, as a
    verification names them. `behind` is the query for some of the rows that were added up.
    """

    name: str
    title: str
    description: str
    meaning: str
    kind: Kind
    sql: str
    behind: str
    sources: tuple[str, ...]
    chain: tuple[str, ...]
    columns: Mapping[str, Mapping[str, str]]
    every_ms: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def read(self, warehouse: Warehouse, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        """The panel's rows as they are now: amounts as exact texts, times as ISO texts."""
        return _read(warehouse, self.sql, parameters)

    def read_behind(self, warehouse: Warehouse, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        """Some of the rows behind the panel, the newest ones; never more than a few dozen."""
        return _read(warehouse, self.behind, parameters)

    def as_json(self) -> dict[str, Any]:
        """The definition, for whoever wants to draw the panel."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "meaning": self.meaning,
            "kind": self.kind,
            "sources": list(self.sources),
            "columns": {name: dict(column) for name, column in self.columns.items()},
            **self.options,
            "sql": self.sql,
        }


@cache
def panels(folder: Path = FOLDER) -> Mapping[str, Panel]:
    """Every panel of a folder, by name."""
    return {path.stem: _load(path) for path in sorted(folder.glob("*.toml"))}


def _load(path: Path) -> Panel:
    content = tomllib.loads(path.read_text())
    return Panel(
        name=path.stem,
        title=content.pop("title"),
        description=content.pop("description"),
        meaning=content.pop("meaning").strip(),
        kind=content.pop("kind"),
        sql=path.with_suffix(".sql").read_text(),
        behind=path.with_suffix(".behind.sql").read_text(),
        sources=tuple(content.pop("sources")),
        chain=tuple(content.pop("chain")),
        columns=content.pop("columns"),
        every_ms=content.pop("every_ms", 0),
        options=content,
    )


def _read(warehouse: Warehouse, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    used = {name: value for name, value in parameters.items() if "{" + name + ":" in sql}
    settings = ", ".join([_READ_ONLY, *(f"{name} = 1" for name in FRUGAL if warehouse.is_embedded)])
    return [_plain(row) for row in warehouse.named_rows(f"{sql}\n{settings}", used)]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat() + ("" if value.tzinfo else "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value
