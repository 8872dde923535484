"""A cell as JSON: SQL that spells a source's text the way Debezium does. Pure texts.

Nothing is lost: whoever knows the column's type gets the source's text back. What a spelling can't hold (a date
before Christ, infinity, an array of arrays) stays the text that the source printed.
"""

from __future__ import annotations

from tillstream.change import ColumnType

INTEGERS = ("int16", "int32", "int64", "uint64")
FLOATS = ("float32", "float64")
NUMBER = r"^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$"
# Kinds that an array's elements are spelled in; others leave the array as it was printed.
UNKNOWN = ("other", "array")
# One element of a PostgreSQL array: quoted with backslash escapes, or bare.
ELEMENT = r'"(?:[^"\\]|\\.)*"|[^,{}"\\]+'
FLAT = r"(?s)^\{(?:(?:" + ELEMENT + r")(?:,(?:" + ELEMENT + r"))*)?\}$"


def cell(text: str, kind: ColumnType) -> str:
    """SQL for the JSON of a text expression; the word null for null."""
    return f"ifNull({_spelled(text, kind)}, 'null')"


def string(text: str) -> str:
    """SQL for a text as a JSON string; null for null."""
    return f"toJSONString({text})"


def _spelled(text: str, kind: ColumnType) -> str:
    match kind.kind:
        case "bool":
            return f"multiIf({text} = 't', 'true', {text} = 'f', 'false', {string(text)})"
        case "date":
            return f"if(length({text}) = 10, {_quoted(text, _Z)}, {string(text)})"
        case "time":
            return _quoted(text, _Z)
        case "timestamp":
            fits = f"substring({text}, 11, 1) = ' ' and not endsWith({text}, 'C')"
            return f"if({fits}, {_moment(text, f'substring({text}, 12)')}, {string(text)})"
        case "timestamptz":
            fits = f"substring({text}, 11, 1) = ' ' and endsWith({text}, '+00')"
            return f"if({fits}, {_moment(text, f'substring({text}, 12, length({text}) - 14)')}, {string(text)})"
        case "bytes":
            raw = f"base64Encode(unhex(substring({text}, 3)))"
            return rf"if(startsWith({text}, '\\x'), {_quoted(raw)}, {string(text)})"
        case "array":
            return _array(text, kind.element or ColumnType("text"))
        case number if number in INTEGERS:
            return text
        case number if number in FLOATS:
            return f"if(match({text}, {_sql(NUMBER)}), {text}, {string(text)})"
        case _:
            return string(text)


_Z = "'Z'"


def _moment(text: str, time: str) -> str:
    return _quoted(f"substring({text}, 1, 10)", "'T'", time, _Z)


def _quoted(*pieces: str) -> str:
    """A JSON string of pieces in which nothing has to be escaped."""
    return f"""concat('"', {", ".join(pieces)}, '"')"""


def _array(text: str, element: ColumnType) -> str:
    if element.kind in UNKNOWN:
        return string(text)
    bare = r"replaceRegexpAll(substring(piece, 2, length(piece) - 2), '(?s)\\\\(.)', '\\1')"
    unescaped = f"multiIf(piece = 'NULL', null, startsWith(piece, '\"'), {bare}, piece)"
    texts = f"arrayMap(piece -> {unescaped}, extractAll(ifNull({text}, ''), {_sql('(?s)' + ELEMENT)}))"
    spelled = f"arrayStringConcat(arrayMap(element -> {cell('element', element)}, {texts}), ',')"
    return f"if(match({text}, {_sql(FLAT)}), concat('[', {spelled}, ']'), {string(text)})"


def _sql(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
