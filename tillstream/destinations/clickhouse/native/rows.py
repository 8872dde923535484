"""From messages as they came to bronze's columns, in SQL: what `sources.kafka` does, for our own topics. Pure texts.

Where a row stands is what its envelope says, so it is the same however often a message comes, and through whatever
partition.
"""

from __future__ import annotations

from tillstream.change import Column, Op, Table
from tillstream.destinations.clickhouse.client import literal, quoted
from tillstream.destinations.clickhouse.layouts import META_TYPES, ROW
from tillstream.destinations.clickhouse.native.cells import printed
from tillstream.kafka.names import OLD_KEY_HEADER, UNCHANGED

# Messages as they came, whatever they are; a row for each place in a topic.
MESSAGE_TYPES = {
    "topic": "LowCardinality(String)",
    "partition": "UInt64",
    "offset": "UInt64",
    "key": "String",
    "value": "String",
    "sent_at": "Nullable(DateTime64(3, 'UTC'))",
    "header_names": "Array(LowCardinality(String))",
    "header_values": "Array(String)",
    "error": "String",
}

_CELLS = "Map(String, Nullable(String))"
_NUMBERS = "lsn Nullable(UInt64), ordinal Nullable(UInt32), txId Nullable(Int64), ts_us Nullable(Int64)"
_ENVELOPE = f"Tuple(op Nullable(String), source Tuple({_NUMBERS}), before {_CELLS}, after {_CELLS})"
_HEAD = f"Tuple(op Nullable(String), source Tuple({_NUMBERS}))"
_LETTERS = {"r": Op.SNAPSHOT, "c": Op.INSERT, "u": Op.UPDATE, "d": Op.DELETE, "t": Op.TRUNCATE}


def bronze_rows(table: Table, messages: str) -> str:
    """The query of bronze's columns, from messages that are rows of the table; others are left out."""
    values = _meta(table) | {column.name: _text(column) for column in table.columns}
    kinds = META_TYPES | {column.name: "Nullable(String)" for column in table.columns}
    listed = ", ".join(f"CAST({value}, {literal(kinds[name])}) as {quoted(name)}" for name, value in values.items())
    return f"select {listed} from ({_opened(messages, _ENVELOPE)}) as {ROW} where {ROW}.is_readable"


def refused_rows(messages: str) -> str:
    """The query of what is no row that can be read: topic, place, key and value as text, rule and reason."""
    return (
        f"select topic, concat(toString(partition), ':', toString(offset)) as position, {_shown('key')} as shown_key,"
        f" {_shown('value')} as shown_value, {_wrong()} as wrong"
        f" from ({_opened(messages, _HEAD)}) where not is_readable and (value != '' or error != '')"
    )


def unknown_values(table: Table, messages: str) -> str:
    """The query of what was left out as unchanged and the old row does not tell: position, key, column."""
    left_out = _names([column for column in table.columns if column.name not in table.key])
    unknown = f"arrayFilter(name -> {_is_left_out('name')} and not {_is_told('name')}, {left_out})"
    key = ", ".join(f"ifNull({_text(table.column(name))}, '')" for name in table.key)
    return (
        f"select concat(toString({ROW}.lsn), ':', toString({ROW}.ordinal)) as position,"
        f" arrayStringConcat([{key}]::Array(String), ', ') as row_key, arrayJoin({unknown}) as name"
        f" from ({_opened(f'{messages} where position(value, {literal(UNCHANGED)}) > 0', _ENVELOPE)}) as {ROW}"
        f" where {ROW}.is_readable"
    )


def _opened(messages: str, shape: str) -> str:
    """The messages, what is in them (`x`), and where the row stands."""
    known, letters = ([*map(literal, side)] for side in (_LETTERS.keys(), _LETTERS.values()))
    letter = f"transform(ifNull(x.op, ''), [{', '.join(known)}], [{', '.join(letters)}], '')"
    moved = f"letter = '{Op.INSERT}' and has(header_names, {literal(OLD_KEY_HEADER)})"
    parsed = f"select *, JSONExtract(value, {literal(shape)}) as x from {messages}"
    return (
        f"select *, {letter} as letter, if({moved}, '{Op.UPDATE}', letter) as op, ifNull(x.source.lsn, 0) as lsn,"
        f" ifNull(x.source.ordinal, 0) as ordinal, error = '' and letter != '' and lsn > 0 as is_readable"
        f" from ({parsed})"
    )


def _meta(table: Table) -> dict[str, str]:
    names = _names(table.columns)
    committed_at = f"if(isNull({ROW}.x.source.ts_us), {ROW}.sent_at, fromUnixTimestamp64Micro({ROW}.x.source.ts_us))"
    return {
        "_till_batch": "0",
        "_till_lsn": f"{ROW}.lsn",
        "_till_ordinal": f"{ROW}.ordinal",
        "_till_op": f"{ROW}.op",
        "_till_xid": f"ifNull({ROW}.x.source.txId, 0)",
        "_till_committed_at": f"ifNull({committed_at}, toDateTime64(0, 6, 'UTC'))",
        "_till_unchanged": f"arrayFilter(name -> {_is_left_out('name')}, {names})",
        "_till_before": _before(table),
    }


def _text(column: Column) -> str:
    """The row's value; a delete has the old row's, what was left out is looked up in the old row."""
    name = literal(column.name)
    told = f"if({_is_left_out(name)}, if({_is_told(name)}, {_old(name)}, null), {ROW}.x.after[{name}])"
    text = printed(f"if({ROW}.op = '{Op.DELETE}', {_old(name)}, {told})", column.type)
    if column.missing is None:
        return text
    # A message that is older than the column does not name it.
    is_named = f"mapContains({ROW}.x.after, {name}) or mapContains({ROW}.x.before, {name})"
    return f"if({is_named} or {ROW}.op = '{Op.TRUNCATE}', {text}, {literal(column.missing)})"


def _before(table: Table) -> str:
    """The old row as JSON of texts, where the message has all of it and not its key alone."""
    values = ", ".join(printed(_old(literal(column.name)), column.type) for column in table.columns)
    shape = ", ".join(f"{quoted(column.name)} Nullable(String)" for column in table.columns)
    others = _names([column for column in table.columns if column.name not in table.key])
    is_whole = f"arrayAll(name -> mapContains({ROW}.x.before, name), {_names(table.columns)})"
    says_more = f"({ROW}.op != '{Op.DELETE}' or arrayExists(name -> isNotNull({_old('name')}), {others}))"
    return f"if({is_whole} and {says_more}, toJSONString(CAST(tuple({values}), {literal(f'Tuple({shape})')})), null)"


def _old(name: str) -> str:
    return f"{ROW}.x.before[{name}]"


def _is_left_out(name: str) -> str:
    return f"ifNull({ROW}.x.after[{name}] = {literal(UNCHANGED)}, 0)"


def _is_told(name: str) -> str:
    return f"(mapContains({ROW}.x.before, {name}) and ifNull({_old(name)} != {literal(UNCHANGED)}, 1))"


def _names(columns: tuple[Column, ...] | list[Column]) -> str:
    return f"[{', '.join(literal(column.name) for column in columns)}]::Array(String)"


def _shown(raw: str) -> str:
    """Bytes as the quarantine shows them."""
    return f"if(isValidUTF8({raw}), {raw}, concat('base64:', base64Encode({raw})))"


def _wrong() -> str:
    """Rule and reason, in the words of `sources.kafka.refusing`."""
    kind = "toString(JSONType(value))"
    kinds = f"transform({kind}, ['Array', 'String', 'Bool', 'Null'], ['array', 'string', 'boolean', 'null'], 'number')"
    return (
        "multiIf(error != '', ('engine', error),"
        " not isValidUTF8(value), ('json', 'it is not UTF-8'),"
        " not isValidJSON(value), ('json', 'it is not JSON'),"
        f" {kind} != 'Object', ('format', concat('it is a JSON ', {kinds}, ', not an object')),"
        " not JSONHas(value, 'op'), ('envelope', 'it has no op'),"
        " letter = '', ('envelope', 'its op is none that is known'),"
        " ('envelope', 'its source does not say where it stands: no lsn'))"
    )
