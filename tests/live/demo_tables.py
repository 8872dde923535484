"""The demo store's tables, read from its schema."""

from __future__ import annotations

import re
from importlib import resources

from tillstream.change import Column, ColumnType, Table

_TABLE = re.compile(r"create table (\w+) \(\n(.*?)\n\);", re.DOTALL)
_COLUMN = re.compile(r"^    (\w+) ([a-z]+(?:\[\]|\([\d, ]+\))?)(.*)$")
_KINDS = {
    "bigint": "int64",
    "integer": "int32",
    "smallint": "int16",
    "timestamptz": "timestamptz",
    "boolean": "bool",
    "text": "text",
    "char": "text",
    "uuid": "uuid",
    "jsonb": "json",
    "date": "date",
}
_NOT_COLUMNS = ("check", "unique", "primary", "constraint", "foreign")


def demo_tables() -> dict[str, Table]:
    """Every table of the demo store, by name."""
    schema = resources.files("tillstream.simulate").joinpath("schema.sql").read_text(encoding="utf-8")
    enums = set(re.findall(r"create type (\w+) as enum", schema))
    return {name: _table(name, body, enums) for name, body in _TABLE.findall(schema)}


def _table(name: str, body: str, enums: set[str]) -> Table:
    columns, key = [], []
    for line in body.splitlines():
        if found := re.match(r"    primary key \((.*)\)", line):
            key = [part.strip() for part in found[1].split(",")]
        found = re.match(r"    (\w+) (\w+(?:\[\]|\([\d, ]+\))?)(.*)", line)
        if found is None or found[1] in _NOT_COLUMNS:
            continue
        columns.append(Column(found[1], _type(found[2], enums), found[2]))
        if "primary key" in found[3]:
            key = [found[1]]
    return Table("public", name, tuple(columns), tuple(key))


def _type(declared: str, enums: set[str]) -> ColumnType:
    if declared in enums:
        return ColumnType("enum")
    if declared.endswith("[]"):
        return ColumnType("array", element=ColumnType("text"))
    if found := re.match(r"numeric\((\d+), ?(\d+)\)", declared):
        return ColumnType("decimal", int(found[1]), int(found[2]))
    return ColumnType(_KINDS[declared.partition("(")[0]])
