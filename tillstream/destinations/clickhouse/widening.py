"""Which changes of a source table its old rows survive, and what the table looks like after them.

What comes out is a *layout*: every column the table ever had, each in a type wide enough for all it
held. A column the source dropped stays, so a layout only grows.
"""

from __future__ import annotations

from dataclasses import replace

from tillstream.change import ColumnType, Table
from tillstream.errors import SchemaChangeRefused

_WIDTHS = ("int16", "int32", "int64")
_DIGITS = {"int16": 5, "int32": 10, "int64": 19}
# Kinds whose text in the source is the text ClickHouse prints, so that they can turn into text.
_TEXTUAL = ("text", "enum", "json", "uuid", "time", "interval", "inet", "other", "date", *_WIDTHS)
_KEPT_AS_TEXT = ("text", "enum", "json", "time", "interval", "inet", "other")


def grown(layout: Table, table: Table) -> Table:
    """The layout that holds both what `layout` held and the rows of `table`.

    Raises SchemaChangeRefused where the rows in the mirror could not be what the source now has.
    """
    if table.key != layout.key:
        raise _refused(
            table,
            f"the key of table {_quoted(table.full_name)} changed",
            f"It was {_columns(layout.key)}, and is now {_columns(table.key)}.",
        )
    columns = {column.name: column for column in layout.columns}
    for column in table.columns:
        before = columns.get(column.name)
        kind = column.type if before is None else wider(before.type, column.type)
        if kind is None and before is not None:
            raise _refused(
                table,
                f"column {_quoted(column.name)} of table {_quoted(table.full_name)} changed its type",
                f"It was {before.declared}, and is now {column.declared}; rows read before could differ.",
            )
        columns[column.name] = replace(column, type=kind or column.type)
    return replace(table, columns=tuple(columns.values()))


def wider(before: ColumnType, after: ColumnType) -> ColumnType | None:
    """The type that holds every value of both, each equal to what the source shows; None if there is none."""
    if before == after:
        return before
    if before.kind == "array" and after.kind == "array":
        return _wider_array(before, after)
    if before.kind == "decimal" and after.kind == "decimal":
        return _wider_decimal(before, after)
    if before.kind in _WIDTHS and after.kind in _WIDTHS:
        return max(before, after, key=lambda kind: _WIDTHS.index(kind.kind))
    if before.kind in _WIDTHS and after.kind == "decimal":
        whole = ColumnType("decimal", _DIGITS[before.kind], 0)
        return _wider_decimal(whole, after)
    if (before.kind, after.kind) in (("float32", "float64"), ("date", "timestamp")):
        return after
    if before.kind in _KEPT_AS_TEXT and after.kind in _KEPT_AS_TEXT:
        return ColumnType("text")
    if before.kind in _TEXTUAL and after.kind == "text":
        return after
    return None


def _wider_array(before: ColumnType, after: ColumnType) -> ColumnType | None:
    element = wider(before.element or ColumnType("text"), after.element or ColumnType("text"))
    return None if element is None else replace(after, element=element)


def _wider_decimal(before: ColumnType, after: ColumnType) -> ColumnType | None:
    if after.precision is None:
        return after
    if before.precision is None or (before.scale or 0) > (after.scale or 0):
        # The source rounds what it had, and says nothing.
        return None
    scale = after.scale or 0
    whole = max(before.precision - (before.scale or 0), after.precision - scale)
    return replace(after, precision=whole + scale, scale=scale)


def _refused(table: Table, message: str, detail: str) -> SchemaChangeRefused:
    return SchemaChangeRefused(
        message,
        detail=detail,
        hint=f'Run `till resync` to read the store again, "{table.full_name}" as it is now.',
    )


def _quoted(name: str) -> str:
    return f'"{name}"'


def _columns(names: tuple[str, ...]) -> str:
    return ", ".join(names) if names else "no key"
