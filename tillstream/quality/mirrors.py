"""Source against mirror: counts and checksums per key range, then the rows of the ranges that differ."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import psycopg

from tillstream.change import Table
from tillstream.destinations.clickhouse.client import Warehouse, literals, quoted
from tillstream.quality.canon import TablePlan as Plan
from tillstream.quality.canon import has_integer_key, planned, postgres_name
from tillstream.quality.moment import PREFIX, Moment
from tillstream.quality.report import Comparison, Difference

Texts = tuple[str | None, ...]
Rows = Sequence[Sequence[str | None]]
WRAP = 2**64
# How many differing ranges are read row by row at a time.
RANGES_AT_ONCE = 20


def compare(moment: Moment, warehouse: Warehouse, table: Table) -> tuple[Comparison, list[Texts]]:
    """The result for one table, and the keys (as texts) of every row that differs."""
    begun = time.monotonic()
    result = Comparison("mirror", table.full_name)
    source = f"{postgres_name(table.schema)}.{postgres_name(table.name)}"
    mirror = f"{PREFIX}mirror.{quoted(table.warehouse_name)}"
    known = _known_columns(warehouse, table)
    if not known:
        return _without_mirror(moment.store, source, result), []
    _look_at_new_columns(moment.store, source, table, known, result)
    table = replace(table, columns=tuple(column for column in table.columns if column.name in known))
    plan = _plan(warehouse, mirror, table)
    expected = _checksums(moment.store.execute(plan.source_checksums(source)).fetchall())
    found = _checksums(warehouse.rows(plan.mirror_checksums(mirror)))
    result.row_count = sum(count for count, _ in expected.values())
    result.range_count = len(expected.keys() | found.keys())
    different = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    keys: list[Texts] = []
    for names in _chunks(different):
        sides = (
            moment.store.execute(plan.source_rows(source, literals(names))).fetchall(),
            warehouse.rows(plan.mirror_rows(mirror, literals(names))),
        )
        keys += _compare_rows(plan, names, sides, result)
    result.seconds = time.monotonic() - begun
    return result, keys


def _without_mirror(store: psycopg.Connection, source: str, result: Comparison) -> Comparison:
    """A table has a mirror from its first row on."""
    row = store.execute(f"select count(*) from {source}").fetchone()
    result.row_count = result.different_rows = int(row[0]) if row else 0
    if result.row_count:
        said = f"{result.row_count} rows"
        result.add(Difference("mirror", result.table, "all rows", "", "(whole table)", said, "no such table"))
    return result


def _known_columns(warehouse: Warehouse, table: Table) -> frozenset[str]:
    columns = warehouse.rows(
        "select name from system.columns where database = {database:String} and table = {name:String}",
        {"database": f"{PREFIX}mirror", "name": table.warehouse_name},
    )
    return frozenset(name for (name,) in columns)


def _look_at_new_columns(
    store: psycopg.Connection, source: str, table: Table, known: frozenset[str], result: Comparison
) -> None:
    """The log tells of a new column with the next row of its table; until then it must be null everywhere."""
    for column in table.columns:
        if column.name in known:
            continue
        row = store.execute(f"select count({postgres_name(column.name)}) from {source}").fetchone()
        count = int(row[0]) if row else 0
        if count:
            result.different_rows += count
            result.add(
                Difference("mirror", table.full_name, "all rows", "", column.name, f"{count} values", "no such column")
            )


def _plan(warehouse: Warehouse, mirror: str, table: Table) -> Plan:
    if not has_integer_key(table):
        return planned(table, warehouse.value(f"select count() from {mirror}"), None, None)
    key = quoted(table.key[0])
    count, lowest, highest = warehouse.rows(f"select count(), min({key}), max({key}) from {mirror}")[0]
    return planned(table, count, lowest, highest)


def _checksums(rows: Sequence[Sequence[object]]) -> dict[str, tuple[int, int]]:
    return {str(name): (int(str(count)), int(str(total)) % WRAP) for name, count, total in rows}


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), RANGES_AT_ONCE):
        yield names[start : start + RANGES_AT_ONCE]


def _compare_rows(plan: Plan, names: Sequence[str], sides: tuple[Rows, Rows], result: Comparison) -> list[Texts]:
    expected, found = (_by_key(plan, side) for side in sides)
    label = ", ".join(plan.range_label(name) for name in names[:3]) + (" …" if len(names) > 3 else "")
    differing = [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]
    differing.sort(key=str)
    for key in differing:
        for difference in _differences(plan, label, key, (expected.get(key), found.get(key))):
            result.add(difference)
    if not differing:
        # Only rows without a key can hide here: the same rows, in other numbers.
        result.add(Difference("mirror", plan.table.full_name, label, "", "(number of equal rows)", None, None))
    result.different_rows += max(len(differing), 1)
    return differing


def _by_key(plan: Plan, rows: Rows) -> Mapping[Texts, Texts]:
    names = [column.name for column in plan.table.columns]
    places = [names.index(column.name) for column in plan.key_columns]
    return {tuple(row[place] for place in places): tuple(row) for row in rows}


def _differences(plan: Plan, label: str, key: Texts, sides: tuple[Texts | None, Texts | None]) -> Iterator[Difference]:
    expected, found = sides
    table = plan.table
    key_names = ", ".join(column.name for column in plan.key_columns) if table.key else "row"
    shown_key = f"{key_names} = {', '.join('null' if text is None else text for text in key)}"
    if expected is None or found is None:
        yield Difference(
            "mirror",
            table.full_name,
            label,
            shown_key,
            "(whole row)",
            None if expected is None else "a row",
            None if found is None else "a row",
        )
        return
    for column, left, right in zip(table.columns, expected, found, strict=True):
        if left != right:
            yield Difference(
                "mirror",
                table.full_name,
                label,
                shown_key,
                column.name,
                "null" if left is None else left,
                "null" if right is None else right,
            )
