"""From a cell of our messages back to the text that PostgreSQL printed, in SQL. Pure texts.

The way back from `destinations.kafka.cells`. Only a float may come back in other signs: its value is the same.
"""

from __future__ import annotations

from tillstream.change import ColumnType

_BASE64 = "^[A-Za-z0-9+/]*={0,2}$"
# What an element of an array has to be quoted for.
_SPECIAL = r'[ \t\n\v\f\r"\\{},]'


def printed(cell: str, kind: ColumnType) -> str:
    """SQL for the source's text of a cell; null for null. A cell that is spelled otherwise stays as it is."""
    match kind.kind:
        case "bool":
            return f"multiIf({cell} = 'true', 't', {cell} = 'false', 'f', {cell})"
        case "bytes":
            is_base64 = f"match({cell}, {_sql(_BASE64)}) and length({cell}) % 4 = 0"
            return rf"if({is_base64}, concat('\\x', lower(hex(tryBase64Decode({cell})))), {cell})"
        case "date" | "time":
            return _without_zone(cell)
        case "timestamp":
            return _without_zone(_spaced(cell))
        case "timestamptz":
            spaced = _spaced(cell)
            return f"if(endsWith({cell}, 'Z'), concat({_without_zone(spaced)}, '+00'), {spaced})"
        case "array":
            return _array(cell, kind.element or ColumnType("text"))
        case _:
            return cell


def _spaced(cell: str) -> str:
    return f"replaceOne({cell}, 'T', ' ')"


def _without_zone(cell: str) -> str:
    return f"trim(trailing 'Z' from {cell})"


def _array(cell: str, element: ColumnType) -> str:
    known = f"ifNull({cell}, '')"
    is_bare = f"element != '' and upper(element) != 'NULL' and not match(element, {_sql(_SPECIAL)})"
    escaped = r"""replaceAll(replaceAll(element, '\\', '\\\\'), '"', '\\"')"""
    literal = f"""multiIf(isNull(element), 'NULL', {is_bare}, element, concat('"', {escaped}, '"'))"""
    texts = f"arrayMap(element -> {printed('element', element)}, JSONExtract({known}, 'Array(Nullable(String))'))"
    spelled = f"arrayStringConcat(arrayMap(element -> {literal}, {texts}), ',')"
    return f"if(startsWith({known}, '[') and isValidJSON({known}), concat('{{', {spelled}, '}}'), {cell})"


def _sql(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
