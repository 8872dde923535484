"""Who hangs on whom: every pair of child and parent ever seen, so that a change finds the orders it touches.

A link is a column that holds the key of a parent's row. `mirror.links` holds each pair twice, as here for the column
`order_id` of table `order_lines`:

    link = 'order_lines.order_id'     from the order to the line      (which lines has this order?)
    link = 'order_lines.order_id^'    from the line to the order      (which orders had this line?)

Pairs are never removed: a line that moved or went still leads to the order that lost it.
An id is the text of the key; the parts of a key of several columns are joined by the separator 0x1f.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tillstream.change import Column, Table
from tillstream.destinations.clickhouse.client import literal, quoted
from tillstream.destinations.clickhouse.layouts import BY_KEY, DEDUPLICATION, ROW, bronze_name
from tillstream.destinations.clickhouse.types import parsed

LINKS = "mirror.links"
SEPARATOR = r"'\x1f'"

CREATE = (
    f"create table if not exists {LINKS} (link LowCardinality(String), from_id String, to_id String)"
    f" engine = ReplacingMergeTree order by (link, from_id, to_id) settings {BY_KEY}, {DEDUPLICATION}"
)

# Kinds whose text in the source is already the text of the mirrored value.
_AS_PRINTED = ("int16", "int32", "int64", "uint64", "uuid", "text", "enum", "date")


def down(table: Table, column: str) -> str:
    """The name under which a parent's id leads to its children's."""
    return f"{table.warehouse_name}.{column}"


def up(table: Table, column: str) -> str:
    """The name under which a child's id leads to every parent it ever had."""
    return f"{table.warehouse_name}.{column}^"


def pairs(table: Table, columns: Sequence[str], rows: pa.Table) -> pa.Table | None:
    """The pairs in these rows, ready for `mirror.links`; None where only the engine can work them out."""
    kinds = [table.column(name).type.kind for name in (*table.key, *columns)]
    if any(kind not in _AS_PRINTED for kind in kinds) or rows.column("_till_before").null_count < rows.num_rows:
        return None
    keys = [rows.column(name).cast(pa.string()) for name in table.key]
    child = keys[0] if len(keys) == 1 else pc.binary_join_element_wise(*keys, "\x1f")
    pieces = []
    for column in columns:
        parent = rows.column(column).cast(pa.string())
        known = pc.and_(pc.is_valid(parent), pc.is_valid(child))
        parents, children = parent.filter(known), child.filter(known)
        pieces += [_pieces(down(table, column), parents, children), _pieces(up(table, column), children, parents)]
    return pa.concat_tables(pieces)


def pairs_query(table: Table, columns: Sequence[str], number: int) -> str:
    """SQL for the pairs in one batch's bronze rows and their old rows: link, from_id, to_id."""
    child = _joined([_bronze_text(table.column(name)) for name in table.key])
    now, former = [], []
    for name in columns:
        now += _both_ways(table, name, _bronze_text(table.column(name)), child)
        former += _both_ways(table, name, _former_text(table.column(name)), child)
    found = f"[{', '.join(now)}]"
    if_former = f"if(isNull({ROW}._till_before), {found}, arrayConcat({found}, [{', '.join(former)}]))"
    return (
        "select pair.1 as link, assumeNotNull(pair.2) as from_id, assumeNotNull(pair.3) as to_id"
        f" from (select arrayJoin({if_former}) as pair"
        f" from {bronze_name(table)} as {ROW} where _till_batch = {number} and _till_op != 'T')"
        " where isNotNull(pair.2) and isNotNull(pair.3)"
    )


def _both_ways(table: Table, column: str, parent: str, child: str) -> list[str]:
    return [
        f"({literal(down(table, column))}, {parent}, {child})",
        f"({literal(up(table, column))}, {child}, {parent})",
    ]


def _pieces(link: str, from_ids: pa.ChunkedArray, to_ids: pa.ChunkedArray) -> pa.Table:
    names = pa.repeat(pa.scalar(link), len(from_ids))
    return pa.Table.from_arrays([names, from_ids, to_ids], names=["link", "from_id", "to_id"])


def _bronze_text(column: Column) -> str:
    return _canonical(column, f"{ROW}.{quoted(column.name)}")


def _former_text(column: Column) -> str:
    """The column in the row as it was before, where the source says so."""
    return _canonical(column, f"JSONExtract({ROW}._till_before, {literal(column.name)}, 'Nullable(String)')")


def _canonical(column: Column, text: str) -> str:
    if column.type.kind in _AS_PRINTED:
        return text
    return f"toString({parsed(text, column.type, in_key=True)})"


def _joined(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"concatWithSeparator({SEPARATOR}, {', '.join(texts)})"
