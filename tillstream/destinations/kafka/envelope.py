"""Changes as messages: SQL that makes a key and Debezium's envelope of each row. Pure texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

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
    committed_at = "toUnixTimestamp64Micro(assumeNotNull(_till_committed_at))"
    place = _Place("assumeNotNull(_till_lsn)", "assumeNotNull(_till_ordinal)", "_till_xid")
    pieces = [
        _text('{"before":'),
        before,
        _text(',"after":'),
        after,
        *_source(table, origin, committed_at, f"if(_till_op = '{Op.SNAPSHOT}', 'true', 'false')", place),
        _text(',"op":"'),
        _letter(traits.letters),
        _text(f'",{_times_of(now)}' + "}"),
    ]
    key = _key(table)
    if Op.TRUNCATE in traits.letters:
        key = f"if(_till_op = '{Op.TRUNCATE}', null, {key})"
    return f"select {key} as {KEY}, {_joined(pieces)} as {VALUE} from {{rows}}"


def copied_envelopes(table: Table, origin: Origin, rows: TabSeparated, now: datetime) -> str:
    """The query of key and value of each row of a snapshot; its columns are the table's."""
    ordinal = "0" if table.key else f"{rows.first_ordinal} + rowNumberInAllBlocks()"
    place = _Place(str(rows.lsn), ordinal, "0")
    pieces = [
        _text('{"before":null,"after":'),
        _object(table.columns, _given),
        *_source(table, origin, str(_micros(rows.read_at)), "'true'", place),
        _text(f',"op":"{LETTERS[Op.SNAPSHOT]}",{_times_of(now)}' + "}"),
    ]
    return f"select {_key(table)} as {KEY}, {_joined(pieces)} as {VALUE} from {{rows}}"


@dataclass(frozen=True, slots=True)
class _Place:
    """SQL for where in the source's log a row was written."""

    lsn: str
    ordinal: str
    xid: str


def _source(table: Table, origin: Origin, micros: str, is_snapshot: str, place: _Place) -> list[str]:
    """SQL for `,"source":{…}`, in pieces."""
    names = _inner({"version": origin.version, "connector": "postgresql", "name": origin.store})
    where = _inner({"db": origin.database, "schema": table.schema, "table": table.name})
    return [
        _text(f',"source":{{{names},"ts_ms":'),
        f"intDiv({micros}, 1000)",
        _text(',"ts_us":'),
        micros,
        _text(',"snapshot":"'),
        is_snapshot,
        _text(f'",{where},"txId":'),
        f"ifNull(toString(nullIf({place.xid}, 0)), 'null')",
        _text(',"lsn":'),
        place.lsn,
        _text(',"ordinal":'),
        place.ordinal,
        _text("}"),
    ]


def _times_of(now: datetime) -> str:
    micros = _micros(now)
    return f'"ts_ms":{micros // 1000},"ts_us":{micros},"transaction":null'


def _micros(moment: datetime) -> int:
    whole = moment.astimezone(UTC)
    return int(whole.replace(microsecond=0).timestamp()) * 1_000_000 + whole.microsecond


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
        pieces += [_text(f"{opening}{json.dumps(column.name, ensure_ascii=False)}:"), value(column)]
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
