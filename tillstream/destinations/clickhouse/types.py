"""From a source's types to ClickHouse's: what a mirror column is, and the SQL that reads its text.

Reading never throws: text that the type can't hold becomes null (an empty array for arrays), and
`fits` tells which texts those are. Decimals never pass through a float.
"""

from __future__ import annotations

from tillstream.change import ColumnType

_PLAIN = {
    "bool": "Bool",
    "int16": "Int16",
    "int32": "Int32",
    "int64": "Int64",
    "uint64": "UInt64",
    "float32": "Float32",
    "float64": "Float64",
    "uuid": "UUID",
    "date": "Date32",
    "timestamp": "DateTime64(6, 'UTC')",
    "timestamptz": "DateTime64(6, 'UTC')",
}
_INTEGERS = ("int16", "int32", "int64")
# Kinds whose mirror column keeps the text itself.
_TEXTS = ("text", "enum", "json", "time", "interval", "inet", "other")

# The texts that surely fit, by kind: what a source prints for its own types, but for the rare ones
# (NaN, infinity, years before Christ or beyond 9999). Anything else has to be read to know.
CALM = {
    "bool": "[tf]",
    "int16": r"-?\d{1,4}",
    "int32": r"-?\d{1,9}",
    "int64": r"-?\d{1,18}",
    "uint64": r"\d{1,19}",
    "decimal": r"-?[\d.]{1,38}",
    "float32": r"[\d.e+-]+",
    "float64": r"[\d.e+-]+",
    "uuid": r"[0-9a-f-]{36}",
    "bytes": r"\\x[0-9a-f]*",
    "date": r"\d{4}-\d\d-\d\d",
    "timestamp": r"\d{4}-\d\d-\d\d [\d:.]{8,15}",
    "timestamptz": r"\d{4}-\d\d-\d\d [\d:.]{8,15}\+\d\d",
}

# One array element of a PostgreSQL literal: quoted with backslash escapes, or bare.
_ELEMENT = r'"(?:[^"\\]|\\.)*"|[^,{}"\\]+'
_ARRAY = r"(?s)^\{(?:(?:" + _ELEMENT + r")(?:,(?:" + _ELEMENT + r"))*)?\}$"


def decimal_size(kind: ColumnType) -> tuple[int, int]:
    """Precision and scale of the ClickHouse column. Unbounded, or beyond 76 digits: (76, 38)."""
    if kind.precision is None or kind.precision > 76:
        return 76, 38
    scale = kind.scale or 0
    if scale < 0:
        return min(76, kind.precision - scale), 0
    return max(kind.precision, scale), scale


def scalar_type(kind: ColumnType) -> str:
    """The type without null, spelled as system.columns spells it."""
    if kind.kind == "decimal":
        precision, scale = decimal_size(kind)
        return f"Decimal({precision}, {scale})"
    return _PLAIN.get(kind.kind, "String")


def mirror_type(kind: ColumnType, *, in_key: bool = False) -> str:
    """The type of a mirror column. Integers in a key are Int64, since a key's type can't be widened later."""
    if in_key:
        return "Int64" if kind.kind in _INTEGERS else scalar_type(kind)
    if kind.kind == "array":
        return f"Array(Nullable({scalar_type(kind.element or ColumnType('text'))}))"
    if kind.kind == "enum":
        return "LowCardinality(Nullable(String))"
    return f"Nullable({scalar_type(kind)})"


def parsed(text: str, kind: ColumnType, *, in_key: bool = False) -> str:
    """SQL for the typed value of a text expression; null where it does not fit."""
    if kind.kind == "array":
        return _parsed_array(text, kind.element or ColumnType("text"))
    if in_key and kind.kind in _INTEGERS:
        return f"toInt64OrNull({text})"
    return _parsed_scalar(text, kind)


def fits(text: str, kind: ColumnType, *, in_key: bool = False) -> str | None:
    """SQL for whether a text that is not null can be kept; None when every text can."""
    if kind.kind in _TEXTS:
        return None
    if kind.kind == "array":
        element = kind.element or ColumnType("text")
        flat = f"match({text}, {_sql(_ARRAY)})"
        inner = fits("element", element)
        if inner is None:
            return flat
        return f"({flat} and arrayAll(element -> isNull(element) or {inner}, {_elements(text)}))"
    return f"isNotNull({parsed(text, kind, in_key=in_key)})"


def suspicious(text: str, kind: ColumnType) -> str | None:
    """SQL for whether a text might not be kept; None when every text can. Null always can.

    Looking at the signs of a text costs a fifth of reading it.
    """
    if kind.kind in _TEXTS:
        return None
    return f"not match({text}, {_sql(f'^(?:{CALM[kind.kind]})$')})" if kind.kind in CALM else f"isNotNull({text})"


def printed(value: str, kind: ColumnType) -> str:
    """SQL for the text of a mirrored value, such that reading it again gives the same value; null for null."""
    if kind.kind == "array":
        text = printed("element", kind.element or ColumnType("text"))
        escaped = rf"replaceAll(replaceAll({text}, '\\', '\\\\'), '\"', '\\\"')"
        element = f"ifNull(concat('\"', {escaped}, '\"'), 'NULL')"
        return f"concat('{{', arrayStringConcat(arrayMap(element -> {element}, {value}), ','), '}}')"
    if kind.kind == "bytes":
        return rf"concat('\\x', lower(hex({value})))"
    if kind.kind == "bool":
        return f"multiIf({value}, 't', not {value}, 'f', null)"
    if kind.kind == "decimal" and kind.precision is not None:
        return f"toDecimalString({value}, {decimal_size(kind)[1]})"
    return f"toString({value})"


def _parsed_scalar(text: str, kind: ColumnType) -> str:
    match kind.kind:
        case "bool":
            known = f"{text} in ('t', 'true', '1', 'f', 'false', '0')"
            return f"if({known}, CAST({text} in ('t', 'true', '1'), 'Nullable(Bool)'), null)"
        case "decimal":
            return _parsed_decimal(text, kind)
        case "uuid":
            return f"toUUIDOrNull({text})"
        case "date":
            return f"toDate32OrNull({text})"
        case "timestamp" | "timestamptz":
            return f"parseDateTime64BestEffortOrNull({text}, 6, 'UTC')"
        case "bytes":
            return rf"if(startsWith({text}, '\\x'), unhex(substring({text}, 3)), null)"
        case "int16" | "int32" | "int64" | "uint64" | "float32" | "float64":
            return f"to{_PLAIN[kind.kind]}OrNull({text})"
        case _:
            return text


def _parsed_decimal(text: str, kind: ColumnType) -> str:
    precision, scale = decimal_size(kind)
    width = next(width for width, digits in ((32, 9), (64, 18), (128, 38), (256, 76)) if precision <= digits)
    value = f"toDecimal{width}OrNull({text}, {scale})"
    if kind.precision is not None and kind.precision <= 76:
        return value
    # Digits beyond the scale would be cut off in silence.
    fraction = f"if(position({text}, '.') = 0, 0, length({text}) - position({text}, '.'))"
    return f"if({fraction} > {scale}, null, {value})"


def _elements(text: str) -> str:
    """SQL for the element texts of an array literal, null for NULL."""
    found = f"extractAll(ifNull({text}, ''), {_sql('(?s)' + _ELEMENT)})"
    bare = r"replaceRegexpAll(substring(piece, 2, length(piece) - 2), '(?s)\\\\(.)', '\\1')"
    element = f"multiIf(piece = 'NULL', null, startsWith(piece, '\"'), {bare}, piece)"
    return f"arrayMap(piece -> {element}, {found})"


def _parsed_array(text: str, element: ColumnType) -> str:
    kept = f"arrayMap(element -> {_parsed_scalar('element', element)}, {_elements(text)})"
    kept = f"CAST({kept}, '{_escaped(mirror_type(ColumnType('array', element=element)))}')"
    return f"if(ifNull({fits(text, ColumnType('array', element=element))}, 0), {kept}, [])"


def _sql(pattern: str) -> str:
    return f"'{_escaped(pattern)}'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
