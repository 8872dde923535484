"""`till config show`: every setting, its value, and where it comes from."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from tillstream.commands.output import Output, grid
from tillstream.config import environment, load
from tillstream.settings import Row, Settings, shown, table_of_settings


def show(folder: Path, output: Output) -> int:
    """Print the settings that hold; secrets as stars."""
    settings = load(folder, environment())
    rows = [
        (row.full_name, shown(_value(settings, row)), settings.origins[row.full_name]) for row in table_of_settings()
    ]
    output.show(grid(("setting", "value", "origin"), rows))
    output.result({name: {"value": value, "origin": origin} for name, value, origin in rows})
    return 0


def _value(settings: Settings, row: Row) -> object:
    sections = {each.name: getattr(settings, each.name) for each in fields(settings)}
    value: object = getattr(sections[row.section], row.name)
    return value
