"""One text for one value, in both engines: what the source holds and what the mirror holds can be compared.

Each pair of expressions gives equal texts exactly when the values are equal. The mirror's side starts
from its typed value, not from the text bronze was given, so a wrong conversion shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tillstream.change import Column, ColumnType, Table
from tillstream.destinations.clickhouse.client import quoted

# Between the texts of a row, and for a null in an array: characters that stores don't type.
FIELD = "chr(31)"
FIELD_CLICKHOUSE = r"'\x1f'"
ROWS_A_RANGE = 5_000

# A cast to text prints these in another way than the log and COPY do: without blanks at the end, with a mask.
_CAST_IS_NOT_PRINT = frozenset({"character", "bpchar", "inet", "cidr"})


def postgres_name(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def postgres_text(column: Column) -> str:
    """The PostgreSQL expression of a column's text; null for null."""
    name = postgres_name(column.name)
    if column.declared.split("(")[0] in _CAST_IS_NOT_PRINT:
        return f"case when {name} is not null then format('%s', {name}) end"
    return _postgres(name, column.type)


def clickhouse_text(column: Column) -> str:
    """The ClickHouse expression of the mirrored column's text; null for null."""
    return _clickhouse(quoted(column.name), column.type)


def _postgres(value: str, kind: ColumnType) -> str:
    match kind.kind:
        case "bool":
            return f"({value}::int)::text"
        case "decimal":
            return f"trim_scale({value})::text"
        case "float32":
            return f"encode(float4send({value}), 'hex')"
        case "float64":
            return f"encode(float8send({value}), 'hex')"
        case "bytes":
            return f"encode({value}, 'hex')"
        case "date":
            return f"case when isfinite({value}) then ({value} - date '1970-01-01')::text else {value}::text end"
        case "timestamp" | "timestamptz":
            # Not as a bigint: PostgreSQL's years go beyond what microseconds fit into.
            micros = f"trim_scale(extract(epoch from {value}) * 1000000)::text"
            return f"case when isfinite({value}) then {micros} else {value}::text end"
        case "array":
            # ClickHouse has no null array: null and empty are the same there, so they compare equal.
            elements = f"coalesce(array_to_string({value}, chr(30), chr(29)), '')"
            return f"coalesce(cardinality({value}), 0)::text || ':' || {elements}"
        case _:
            return f"{value}::text"


def _clickhouse(value: str, kind: ColumnType) -> str:
    match kind.kind:
        case "bool":
            return f"toString(toUInt8({value}))"
        case "float32" | "float64":
            return _float_bits(value, kind.kind)
        case "bytes":
            return f"lower(hex({value}))"
        case "date":
            return f"toString(toInt32({value}))"
        case "timestamp" | "timestamptz":
            return f"toString(toUnixTimestamp64Micro({value}))"
        case "array":
            elements = rf"arrayStringConcat(arrayMap(x -> ifNull(toString(x), '\x1d'), {value}), '\x1e')"
            return f"concat(toString(length({value})), ':', {elements})"
        case _:
            return f"toString({value})"


def _float_bits(value: str, kind: str) -> str:
    # Bits rather than digits: the engines print floats in different ways. Zero padding, because
    # reinterpretAsString drops trailing zero bytes.
    width = 8 if kind == "float64" else 4
    integer = f"reinterpretAsUInt{width * 8}({value})"
    return f"lower(leftPad(hex({integer}), {width * 2}, '0'))"


@dataclass(frozen=True, slots=True)
class TablePlan:
    """The expressions that compare one table: a row's text, its key's text, and the key range it is in.

    `width` is the size of an integer key's range; for any other key `digits` is how many hex digits of
    the key's hash name the range.
    """

    table: Table
    width: int = 0
    digits: int = 0

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The key's columns; all columns for a table without a key."""
        if not self.table.key:
            return self.table.columns
        return tuple(self.table.column(name) for name in self.table.key)

    def source_checksums(self, relation: str) -> str:
        """SQL for the source: range, row count and checksum (a sum of 60-bit hashes)."""
        row = _joined([postgres_text(column) for column in self.table.columns], "||", FIELD, "'-'", "'='")
        hashed = f"sum(('x' || left(md5({row}), 15))::bit(60)::bigint)"
        return f"select ({self._source_range()})::text, count(*), {hashed} from {relation} group by 1"

    def mirror_checksums(self, relation: str) -> str:
        """SQL for the warehouse: the same three columns (the checksum wraps at 64 bits)."""
        row = _concat([clickhouse_text(column) for column in self.table.columns])
        hashed = f"sum(bitShiftRight(reinterpretAsUInt64(reverse(substring(MD5({row}), 1, 8))), 4))"
        return (
            f"select toString({self._mirror_range()}) as range, count(), {hashed}"
            f" from {relation} final where _deleted = 0 group by 1"
        )

    def source_rows(self, relation: str, ranges: str) -> str:
        """SQL for the source: the texts of every column, of the rows in those ranges."""
        texts = ", ".join(postgres_text(column) for column in self.table.columns)
        return f"select {texts} from {relation} where ({self._source_range()})::text in ({ranges})"

    def mirror_rows(self, relation: str, ranges: str) -> str:
        """SQL for the warehouse: the texts of every column, of the rows in those ranges."""
        texts = ", ".join(
            f"{clickhouse_text(column)} as _text_{index}" for index, column in enumerate(self.table.columns)
        )
        return (
            f"select {texts} from {relation} final"
            f" where _deleted = 0 and toString({self._mirror_range()}) in ({ranges})"
        )

    def range_label(self, name: str) -> str:
        """A range in words a reader can use in a query."""
        if self.width:
            first = int(name) * self.width
            return f"{self.table.key[0]} {first}…{first + self.width - 1}"
        return f"hash of the key begins with {name}" if name else "all rows"

    def _source_range(self) -> str:
        if self.width:
            return f"{postgres_name(self.table.key[0])} / {self.width}"
        key = _joined([postgres_text(column) for column in self.key_columns], "||", FIELD, "'-'", "'='")
        return f"left(md5({key}), {self.digits})"

    def _mirror_range(self) -> str:
        if self.width:
            return f"intDiv({quoted(self.table.key[0])}, {self.width})"
        key = _concat([clickhouse_text(column) for column in self.key_columns])
        return f"lower(left(hex(MD5({key})), {self.digits}))"


def planned(table: Table, row_count: int, lowest: int | None, highest: int | None) -> TablePlan:
    """A comparison whose ranges hold about ROWS_A_RANGE rows each."""
    if lowest is not None and highest is not None:
        return TablePlan(table, width=max(1, (highest - lowest + 1) * ROWS_A_RANGE // max(row_count, 1)))
    digits = 0
    while 16**digits * ROWS_A_RANGE < row_count:
        digits += 1
    return TablePlan(table, digits=digits)


def has_integer_key(table: Table) -> bool:
    """Whether the ranges can be spans of the key itself."""
    return len(table.key) == 1 and table.column(table.key[0]).type.kind in ("int16", "int32", "int64")


def _joined(texts: Sequence[str], glue: str, field: str, null: str, mark: str) -> str:
    parts = [f"coalesce({mark} {glue} ({text}), {null})" for text in texts]
    return f" {glue} {field} {glue} ".join(parts)


def _concat(texts: Sequence[str]) -> str:
    parts = [f"ifNull(concat('=', {text}), '-')" for text in texts]
    return "concatWithSeparator(" + ", ".join([FIELD_CLICKHOUSE, *parts]) + ")"
