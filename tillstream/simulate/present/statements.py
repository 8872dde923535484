"""SQL as text. A group of transactions goes to the server in one message, which placeholders do not allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from tillstream.simulate.amounts import text


class Raw(str):
    """Text that is SQL already."""

    __slots__ = ()


Value = str | int | bool | datetime | Raw | None
NULL = Raw("null")


def money(cents: int) -> Raw:
    """An amount in cents as a number with two places."""
    return Raw(text(cents))


def literal(value: Value) -> str:
    """A value the way SQL writes it. Supposes standard_conforming_strings, as every server since 9.1."""
    if value is None:
        return "null"
    if isinstance(value, Raw):
        return value
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    return str(value)


def insert(table: str, columns: str, *rows: Sequence[Value]) -> str:
    """Insert rows; `columns` is the list as SQL has it."""
    return f"insert into {table} ({columns}) values {', '.join(tuple_of(row) for row in rows)}"


def tuple_of(values: Iterable[Value]) -> str:
    """Values in parentheses."""
    return "(" + ", ".join(map(literal, values)) + ")"


def update(table: str, key: int | str, **values: Value) -> str:
    """Change columns of the row with that id."""
    changes = ", ".join(f"{name} = {literal(value)}" for name, value in values.items())
    return f"update {table} set {changes} where id = {literal(key)}"
