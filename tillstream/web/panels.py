"""What the page shows: each panel is one SQL file, and a few lines of TOML that say what its columns mean."""

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

Kind = Literal["numbers", "area", "bars", "funnel", "table"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its query, and how to show the result. `sources` are the tables the query reads."""

    name: str
    title: str
    description: str
    kind: Kind
    sql: str
    sources: tuple[str, ...]
    columns: Mapping[str, Mapping[str, str]]
    every_ms: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def read(self, warehouse: Warehouse, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        """The panel's rows as they are now: amounts as exact texts, times as ISO texts."""
        used = {name: value for name, value in parameters.items() if "{" + name + ":" in self.sql}
        return [_plain(row) for row in warehouse.named_rows(self.sql, used)]

    def as_json(self) -> dict[str, Any]:
        """The definition, for whoever wants to draw the panel."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
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
        kind=content.pop("kind"),
        sql=path.with_suffix(".sql").read_text(),
        sources=tuple(content.pop("sources")),
        columns=content.pop("columns"),
        every_ms=content.pop("every_ms", 0),
        options=content,
    )


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
