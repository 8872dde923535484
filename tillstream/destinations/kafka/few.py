"""A few rows as messages, made row by row: to plan a query costs more than they do.

To the byte what the query of `envelope.py` makes of the same rows: keys decide on partitions.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache

import pyarrow as pa

from tillstream.change import META_SCHEMA, ColumnType, Op, Table
from tillstream.destinations.kafka.cells import ELEMENT, FLAT, FLOATS, INTEGERS, NUMBER, UNKNOWN
from tillstream.destinations.kafka.envelope import LETTERS, Origin, Slots, frame, name_of
from tillstream.kafka.names import UNCHANGED

_number = re.compile(NUMBER, re.ASCII).search
_flat = re.compile(FLAT).search
_elements = re.compile(ELEMENT, re.DOTALL).findall
_escaped = re.compile(r"(?s)\\(.)")
# As the engine escapes strings.
_ESCAPES = {
    **{code: f"\\u{code:04X}" for code in (*range(0x20), 0x2028, 0x2029)},
    **{ord(sign): f"\\{letter}" for sign, letter in zip('"\\\b\f\n\r\t', '"\\bfnrt', strict=True)},
}
_NULL = "null"
Spelling = Callable[[str], str]


def few_envelopes(table: Table, origin: Origin, rows: pa.Table, now: datetime) -> Iterator[tuple[bytes | None, bytes]]:
    """Key and value of each row."""
    fixed = frame(table, origin, now)
    spellings = {column.name: spelling(column.type) for column in table.columns}
    moments = rows.column("_till_committed_at").cast(pa.int64()).to_pylist()
    texts = [rows.column(column.name).to_pylist() for column in table.columns]
    meta = rows.select([name for name in META_SCHEMA.names if name != "_till_committed_at"]).to_pylist()
    for place, row in enumerate(meta):
        cells = {
            name: _NULL if column[place] is None else spell(column[place])
            for (name, spell), column in zip(spellings.items(), texts, strict=True)
        }
        key = _object({name: cells[name] for name in table.key}) if table.key else None
        op = row["_till_op"]
        before = _before(table, row["_till_before"], spellings)
        if before is None:
            gone = {name: cell if name in table.key else _NULL for name, cell in cells.items()}
            before = _object(gone) if op == Op.DELETE else _NULL
        slots = Slots(
            before=before,
            after=_NULL if op in (Op.DELETE, Op.TRUNCATE) else _object(_known(cells, row["_till_unchanged"])),
            millis=str(moments[place] // 1000),
            micros=str(moments[place]),
            is_snapshot="true" if op == Op.SNAPSHOT else "false",
            transaction=str(row["_till_xid"] or _NULL),
            lsn=str(row["_till_lsn"]),
            ordinal=str(row["_till_ordinal"]),
            letter=LETTERS[op],
        )
        value = "".join([piece for pair in zip(fixed, slots, strict=False) for piece in pair])
        yield key.encode() if key and op != Op.TRUNCATE else None, f"{value}{fixed[-1]}".encode()


@lru_cache(maxsize=256)
def spelling(kind: ColumnType) -> Spelling:
    """What spells a source's text of that type as JSON."""
    if kind.kind in INTEGERS:
        return str
    if kind.kind in FLOATS:
        return lambda text: text if _number(text) else _string(text)
    if kind.kind == "array" and kind.element is not None and kind.element.kind not in UNKNOWN:
        element = spelling(kind.element)
        return lambda text: _array(text, element) if _flat(text) else _string(text)
    return _SPELLINGS.get(kind.kind, lambda text: _string(text))


def _string(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'


def _bool(text: str) -> str:
    return {"t": "true", "f": "false"}.get(text) or _string(text)


def _date(text: str) -> str:
    return f'"{text}Z"' if len(text) == 10 else _string(text)


def _time(text: str) -> str:
    return f'"{text}Z"'


def _timestamp(text: str) -> str:
    fits = text[10:11] == " " and not text.endswith("C")
    return f'"{text[:10]}T{text[11:]}Z"' if fits else _string(text)


def _timestamptz(text: str) -> str:
    fits = text[10:11] == " " and text.endswith("+00")
    return f'"{text[:10]}T{text[11:-3]}Z"' if fits else _string(text)


def _bytes(text: str) -> str:
    return f'"{b64encode(bytes.fromhex(text[2:])).decode()}"' if text.startswith("\\x") else _string(text)


def _array(text: str, spell: Spelling) -> str:
    found = []
    for piece in _elements(text):
        if piece == "NULL":
            found.append(_NULL)
        else:
            found.append(spell(_escaped.sub(r"\1", piece[1:-1]) if piece.startswith('"') else piece))
    return f"[{','.join(found)}]"


_SPELLINGS: Mapping[str, Spelling] = {
    "bool": _bool,
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    "bytes": _bytes,
}


def _known(cells: dict[str, str], unchanged: list[str] | None) -> dict[str, str]:
    return cells | dict.fromkeys(unchanged, f'"{UNCHANGED}"') if unchanged else cells


def _before(table: Table, old: str | None, spellings: Mapping[str, Spelling]) -> str | None:
    if old is None:
        return None
    texts = json.loads(old)
    names = [column.name for column in table.columns]
    return _object({name: _NULL if (text := texts.get(name)) is None else spellings[name](text) for name in names})


def _object(cells: Mapping[str, str]) -> str:
    return "{" + ",".join([f"{name_of(name)}{cell}" for name, cell in cells.items()]) + "}"
