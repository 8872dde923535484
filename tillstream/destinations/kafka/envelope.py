"""Changes as messages: SQL that makes a key and Debezium's envelope of each row. Pure texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from tillstream.change import Column, Op, Table, TabSeparated
from tillstream.destinations.kafka.cells import cell
from tillstream.kafka.names import UNCHANGED

# The columns of the answer, under names that no table has: they would hide its own.
KEY, VALUE = "_till_key", "_till_value"
# A row that came under a new key, in the place of Op.UPDATE: who reads the topic sees the old key go and this come.
MOVED = "M"
LETTERS = {
    Op.SNAPSHOT.value: "r",
    Op.INSERT.value: "c",
    Op.UPDATE.value: "u",
    MOVED: "c",
    Op.DELETE.value: "d",
    Op.TRUNCATE.value: "t",
}
_NO_TEXT = "CAST(null, 'Nullable(String)')"


@dataclass(frozen=True, slots=True)
class Origin:
    """What every message of a store says of where it is from."""

    store: str
    database: str
    version: str


@dataclass(frozen=True, slots=True)
class Traits:
    """What rows have: the letters of their operations, left-out values, old rows. SQL for the rest is left out."""

    letters: frozenset[str] = field(default_factory=frozenset)
    unchanged: bool = False
    before: bool = False


def envelopes(table: Table, origin: Origin, traits: Traits, now: datetime) -> str:
    """The query of key and value of each row."""
    after = _object(table.columns, lambda column: _after(column, traits))
    before = _text("null")
    if Op.DELETE in traits.letters:
        left = _object(table.columns, lambda column: _given(column) if column.name in table.key else "'null'")
        before = f"if(_till_op = '{Op.DELETE}', {left}, 'null')"
    if traits.before:
        full = _object(table.columns, lambda column: cell(_earlier(column), column.type))
        before = f"if(isNull(_till_before), {before}, {full})"
    if traits.letters & {Op.DELETE, Op.TRUNCATE}:
        after = f"if(_till_op in ('{Op.DELETE}', '{Op.TRUNCATE}'), 'null', {after})"
    key = _key(table)
    if Op.TRUNCATE in traits.letters:
        key = f"if(_till_op = '{Op.TRUNCATE}', null, {key})"
    micros = "toUnixTimestamp64Micro(assumeNotNull(_till_committed_at))"
    slots = Slots(
        before=before,
        after=after,
        millis=f"intDiv({micros}, 1000)",
        micros=micros,
        is_snapshot=f"if(_till_op = '{Op.SNAPSHOT}', 'true', 'false')",
        transaction="ifNull(toString(nullIf(_till_xid, 0)), 'null')",
        lsn="assumeNotNull(_till_lsn)",
        ordinal="assumeNotNull(_till_ordinal)",
        letter=_letter(traits.letters),
    )
    return _query(key, frame(table, origin, now), slots)


def copied_envelopes(table: Table, origin: Origin, rows: TabSeparated, now: datetime) -> str:
    """The query of key and value of each row of a snapshot; its columns are the table's."""
    micros = micros_of(rows.read_at)
    slots = Slots(
        before=_text("null"),
        after=_object(table.columns, _given),
        millis=_text(str(micros // 1000)),
        micros=_text(str(micros)),
        is_snapshot=_text("true"),
        transaction=_text("null"),
        lsn=_text(str(rows.lsn)),
        ordinal=_text("0") if table.key else f"{rows.first_ordinal} + rowNumberInAllBlocks()",
        letter=_text(LETTERS[Op.SNAPSHOT]),
    )
    return _query(_key(table), frame(table, origin, now), slots)


class Slots(NamedTuple):
    """What differs from row to row, in the order of the envelope: SQL for it, or the JSON itself."""

    before: str
    after: str
    millis: str
    micros: str
    is_snapshot: str
    transaction: str
    lsn: str
    ordinal: str
    letter: str


def frame(table: Table, origin: Origin, now: datetime) -> tuple[str, ...]:
    """The envelope's fixed text: what comes before each of the slots, and behind the last."""
    names = _inner({"version": origin.version, "connector": "postgresql", "name": origin.store})
    where = _inner({"db": origin.database, "schema": table.schema, "table": table.name})
    micros = micros_of(now)
    return (
        '{"before":',
        ',"after":',
        f',"source":{{{names},"ts_ms":',
        ',"ts_us":',
        ',"snapshot":"',
        f'",{where},"txId":',
        ',"lsn":',
        ',"ordinal":',
        '},"op":"',
        f'","ts_ms":{micros // 1000},"ts_us":{micros},"transaction":null}}',
    )


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970."""
    whole = moment.astimezone(UTC)
    return int(whole.replace(microsecond=0).timestamp()) * 1_000_000 + whole.microsecond


def name_of(column: str) -> str:
    """A column's name as JSON, up to its value."""
    return f"{json.dumps(column, ensure_ascii=False)}:"


def _query(key: str, fixed: Sequence[str], slots: Slots) -> str:
    pieces = [piece for text, slot in zip(fixed, slots, strict=False) for piece in (_text(text), slot)]
    value = _joined([*pieces, _text(fixed[-1])])
    return f"select {key} as {KEY}, {value} as {VALUE} from {{rows}}"


def _letter(letters: frozenset[str]) -> str:
    if len(letters) == 1:
        return _text(LETTERS[next(iter(letters))])
    known, words = (", ".join(_text(text) for text in side) for side in (LETTERS.keys(), LETTERS.values()))
    return f"transform(assumeNotNull(_till_op), [{known}], [{words}], '')"


def _key(table: Table) -> str:
    return _object([table.column(name) for name in table.key], _given) if table.key else _NO_TEXT


def _given(column: Column) -> str:
    return cell(_named(column.name), column.type)


def _after(column: Column, traits: Traits) -> str:
    if not traits.unchanged or traits.letters.isdisjoint({Op.UPDATE, MOVED}):
        return _given(column)
    return f"if(has(_till_unchanged, {_text(column.name)}), {_text(json.dumps(UNCHANGED))}, {_given(column)})"


def _earlier(column: Column) -> str:
    return f"JSONExtract(assumeNotNull(_till_before), {_text(column.name)}, 'Nullable(String)')"


def _object(columns: Sequence[Column], value: Callable[[Column], str]) -> str:
    pieces: list[str] = []
    for place, column in enumerate(columns):
        opening = "," if place else "{"
        pieces += [_text(f"{opening}{name_of(column.name)}"), value(column)]
    return _joined([*pieces, _text("}")])


def _inner(values: dict[str, str]) -> str:
    """The members of an object, without its braces."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))[1:-1]


def _joined(pieces: Sequence[str]) -> str:
    return f"concat({', '.join(pieces)})"


def _named(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
