r"""From the cells of messages to the texts PostgreSQL prints, a column at a time.

A *form* says how a value is spelled in a message: `bool`, `base64`, `us` (microseconds since 1970), `decimal 2`
(base64 of a number with that scale), …; with `[]` behind it a JSON array of such values. No form: the text is as it
should be. A text that does not have its form stays as it is: the mirror will say that it does not fit.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Context, Decimal
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tillstream.change import ColumnType

_FORMS = {
    "bool": "bool",
    "float32": "float 6",
    "float64": "float 15",
    "bytes": "base64",
    "date": "z",
    "time": "z",
    "timestamp": "iso",
    "timestamptz": "isotz",
}
# Below this exponent PostgreSQL writes a number as 1e-05; from the one in the form on as 1e+15.
_SMALLEST_PLAIN = -4
_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?")
_QUOTED = re.compile(r'[\s"\\{},]')
# As many digits as a numeric can have.
_EXACT = Context(prec=200_000, Emax=999_999, Emin=-999_999)
_NO_NUMBERS = {"NAN": "NaN", "POSITIVE_INFINITY": "Infinity", "NEGATIVE_INFINITY": "-Infinity"}
_SPECIAL_NUMBERS = {"Infinity", "-Infinity", "NaN"}


def form_of(kind: ColumnType) -> str:
    """How our own messages spell the values of a type."""
    if kind.kind == "array":
        return f"{form_of(kind.element or ColumnType('text'))}[]"
    return _FORMS.get(kind.kind, "")


def printed(cells: pa.Array, form: str) -> pa.Array:
    """The texts of cells of that form; null stays null."""
    if not form or cells.null_count == len(cells):
        return cells
    if form.endswith("[]"):
        return _arrays(cells, form[:-2])
    name, _, argument = form.partition(" ")
    match name:
        case "bool":
            return _bool(cells)
        case "z":
            return pc.ascii_rtrim(cells, "Z")
        case "number":
            return _number(cells)
        case "iso" | "isotz":
            return _iso(cells, zone="+00" if name == "isotz" else "", trimmed=argument == "trim")
        case "days":
            return _numbered(cells, lambda days: days.cast(pa.int32()).cast(pa.date32()).cast(pa.string()))
        case "ms" | "us" | "ns":
            return _numbered(cells, partial(_moments, unit=name, zone=argument))
        case "time":
            return _numbered(cells, partial(_times, unit=argument))
        case _:
            read = _READERS[name]
            texts = [None if cell is None else _or_as_it_is(read, cell, argument) for cell in cells.to_pylist()]
            return pa.array(texts, pa.string())


def _bool(cells: pa.Array) -> pa.Array:
    true, false = pc.equal(cells, "true"), pc.equal(cells, "false")
    return pc.if_else(true, "t", pc.if_else(false, "f", cells))


def _number(cells: pa.Array) -> pa.Array:
    """Decimals as texts, in which Debezium has names of its own for what is no number."""
    for name, text in _NO_NUMBERS.items():
        cells = pc.if_else(pc.equal(cells, name), text, cells)
    return cells


def _iso(cells: pa.Array, *, zone: str, trimmed: bool) -> pa.Array:
    texts = pc.replace_substring(cells, "T", " ", max_replacements=1)
    bare = pc.ascii_rtrim(texts, "Z")
    if trimmed:
        bare = pc.replace_substring_regex(bare, r"(\.\d*?)0+$", r"\1")
        bare = pc.ascii_rtrim(bare, ".")
    if not zone:
        return bare
    return pc.if_else(pc.ends_with(texts, "Z"), pc.binary_join_element_wise(bare, zone, ""), texts)


def _numbered(cells: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Cells that are whole numbers, converted; others as they are."""
    try:
        return convert(cells.cast(pa.int64()))
    except pa.ArrowInvalid:
        pass
    parts = []
    for cell in cells.to_pylist():
        try:
            parts.append(convert(pa.array([cell], pa.string()).cast(pa.int64()))[0].as_py())
        except pa.ArrowInvalid:
            parts.append(cell)
    return pa.array(parts, pa.string())


def _moments(numbers: pa.Array, unit: str, zone: str) -> pa.Array:
    texts = numbers.cast(pa.timestamp(unit)).cast(pa.string())
    if unit == "ns":
        # PostgreSQL keeps microseconds.
        texts = pc.replace_substring_regex(texts, r"\d\d\d$", "")
    plain = pc.replace_substring_regex(texts, r"\.?0+$", "") if unit != "s" else texts
    # Seconds that end in a zero have no fraction to shorten.
    plain = pc.if_else(pc.match_substring(texts, "."), plain, texts)
    return pc.binary_join_element_wise(plain, "+00", "") if zone else plain


def _times(numbers: pa.Array, unit: str) -> pa.Array:
    kind = pa.time32(unit) if unit == "ms" else pa.time64(unit)
    typed = numbers.cast(pa.int32()).cast(kind) if unit == "ms" else numbers.cast(kind)
    texts = typed.cast(pa.string())
    if unit == "ns":
        texts = pc.replace_substring_regex(texts, r"\d\d\d$", "")
    return pc.if_else(pc.match_substring(texts, "."), pc.replace_substring_regex(texts, r"\.?0+$", ""), texts)


def _or_as_it_is(read: Callable[[str, str], str], cell: str, argument: str) -> str:
    try:
        return read(cell, argument)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return cell


def _float(cell: str, argument: str) -> str:
    """A number as PostgreSQL prints it; the engine prints the same digits with other exponents."""
    if cell in _SPECIAL_NUMBERS:
        return cell
    parts = _NUMBER.fullmatch(cell)
    if parts is None:
        raise ValueError(cell)
    sign, whole, fraction, power = parts[1], parts[2], parts[3] or "", int(parts[4] or 0)
    digits = (whole + fraction).lstrip("0")
    exponent = len(digits) - len(fraction) + power - 1
    digits = digits.rstrip("0")
    if not digits:
        return f"{sign}0"
    if exponent < _SMALLEST_PLAIN or exponent >= int(argument):
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    return f"{sign}{whole}.{digits[exponent + 1 :]}" if len(digits) > exponent + 1 else f"{sign}{whole}"


def _base64(cell: str, _: str) -> str:
    return "\\x" + base64.b64decode(cell, validate=True).hex()


def _decimal(cell: str, scale: str) -> str:
    number = int.from_bytes(base64.b64decode(cell, validate=True), "big", signed=True)
    return format(Decimal(number).scaleb(-int(scale), _EXACT), "f") if int(scale) else str(number)


def _variable_decimal(cell: str, _: str) -> str:
    tree = json.loads(cell)
    return _decimal(tree["value"], str(tree["scale"]))


def _bits(cell: str, width: str) -> str:
    """Bits come with the lowest byte first; `bit(1)` comes as a bool."""
    if cell in ("true", "false"):
        return "1" if cell == "true" else "0"
    number = int.from_bytes(base64.b64decode(cell, validate=True), "little")
    return format(number, f"0{width}b") if width else format(number, "b")


def _year(cell: str, _: str) -> str:
    return str(int(cell))


_READERS: dict[str, Callable[[str, str], str]] = {
    "float": _float,
    "base64": _base64,
    "decimal": _decimal,
    "variable": _variable_decimal,
    "bits": _bits,
    "year": _year,
}


def _arrays(cells: pa.Array, form: str) -> pa.Array:
    """JSON arrays as PostgreSQL's array literals; their elements in one go."""
    trees = [_tree(cell) for cell in cells.to_pylist()]
    leaves = printed(pa.array([leaf for tree in trees for leaf in _leaves(tree)], pa.string()), form)
    texts = iter(leaves.to_pylist())
    return pa.array([tree if tree is None or isinstance(tree, str) else _literal(tree, texts) for tree in trees])


def _tree(cell: str | None) -> Any:
    """The list that a cell spells, with texts for leaves; anything else stays a text."""
    if cell is None or not cell.startswith("["):
        return cell
    try:
        return json.loads(cell, parse_int=str, parse_float=str)
    except ValueError:
        return cell


def _leaves(tree: Any) -> Iterator[str | None]:
    for each in tree if isinstance(tree, list) else ():
        if isinstance(each, list):
            yield from _leaves(each)
        elif isinstance(each, bool):
            yield "true" if each else "false"
        elif isinstance(each, dict):
            yield json.dumps(each, separators=(",", ":"), ensure_ascii=False)
        else:
            yield each


def _literal(tree: Any, texts: Iterable[str | None]) -> str:
    source = iter(texts)
    parts = [_literal(each, source) if isinstance(each, list) else _element(next(source)) for each in tree]
    return "{" + ",".join(parts) + "}"


def _element(text: str | None) -> str:
    if text is None:
        return "NULL"
    if text and text.upper() != "NULL" and not _QUOTED.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
