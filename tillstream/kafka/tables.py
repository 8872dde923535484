"""A table's columns and key as a message, so that a loader needs no source to know the types."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tillstream.change import Column, ColumnType, Table


def described(table: Table) -> str:
    """The description of a table, as JSON; equal tables have equal descriptions."""
    columns = []
    for column in table.columns:
        missing = {} if column.missing is None else {"missing": column.missing}
        columns.append({"name": column.name, "declared": column.declared, **_type(column.type), **missing})
    return json.dumps({"schema": table.schema, "name": table.name, "key": table.key, "columns": columns})


def table_from(description: str | bytes) -> Table:
    """The table that was described. ValueError or KeyError when it is no description."""
    tree = json.loads(description)
    columns = tuple(
        Column(column["name"], _type_from(column), column["declared"], column.get("missing"))
        for column in tree["columns"]
    )
    return Table(tree["schema"], tree["name"], columns, tuple(tree["key"]))


def identity(description: str) -> str:
    """A short name for a description: 16 hexadecimal digits."""
    return hashlib.blake2b(description.encode(), digest_size=8).hexdigest()


def _type(kind: ColumnType) -> dict[str, Any]:
    tree: dict[str, Any] = {"kind": kind.kind}
    if kind.precision is not None:
        tree["precision"] = kind.precision
    if kind.scale is not None:
        tree["scale"] = kind.scale
    if kind.element is not None:
        tree["element"] = _type(kind.element)
    return tree


def _type_from(tree: dict[str, Any]) -> ColumnType:
    element = tree.get("element")
    return ColumnType(tree["kind"], tree.get("precision"), tree.get("scale"), _type_from(element) if element else None)
