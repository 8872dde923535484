"""Types of columns that nobody declared, from the values that came: integers, numbers, true and false, texts, JSON.

What a column was once taken for is remembered with the position. It may widen as far as the warehouse can follow;
a value that does not fit what older rows were stored as is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from tillstream.change import Column, ColumnType, Table
from tillstream.ports import Engine
from tillstream.sources.kafka.cells import form_of
from tillstream.sources.kafka.fields import Field
from tillstream.sources.kafka.taking import as_input

Kinds = Mapping[str, frozenset[str]]

_KIND = (
    "multiIf(startsWith(pair.2, '\"'), 'text', pair.2 in ('true', 'false'), 'bool', pair.2 = 'null', 'null',"
    " match(pair.2, '^-?\\\\d+$'), 'int64', startsWith(pair.2, '{') or startsWith(pair.2, '['), 'json', 'decimal')"
)
# From the one to the other a column can change without its older rows being stored anew.
_WIDENING = {
    ("int64", "decimal"): "decimal",
    ("decimal", "int64"): "decimal",
    ("int64", "text"): "text",
    ("int64", "json"): "text",
    ("int64", "bool"): "text",
    ("json", "text"): "text",
    ("json", "int64"): "text",
    ("json", "decimal"): "text",
    ("json", "bool"): "text",
}


def kinds_of(engine: Engine, payloads: Sequence[bytes], members: Sequence[str]) -> Kinds:
    """The kinds of values by column, in all the objects that stand there under those names; none: the messages."""
    objects = [f"JSONExtractKeysAndValuesRaw(assumeNotNull(value), '{member}')" for member in members]
    pairs = f"arrayConcat({', '.join(objects)})" if objects else "JSONExtractKeysAndValuesRaw(assumeNotNull(value))"
    answer = engine.select(
        f"select pair.1 as name, groupUniqArray({_KIND}) as kinds"
        f" from (select arrayJoin({pairs}) as pair from {{rows}}) group by name order by name",
        as_input(payloads),
    )
    names, kinds = answer.column("name").to_pylist(), answer.column("kinds").to_pylist()
    return {name: frozenset(found) - {"null"} for name, found in zip(names, kinds, strict=True)}


def fields_of(declared: Sequence[Field], known: Table | None, kinds: Kinds) -> tuple[list[Field], set[str]]:
    """Every column that has been seen, and the names of those in which some value does not fit.

    `known` is what earlier batches made of the topic.
    """
    fields = {each.column.name: each for each in declared}
    strange = set()
    before = {column.name: column.type.kind for column in known.columns} if known else {}
    key = known.key if known else ()
    for name in [*before, *(name for name in kinds if name not in before)]:
        if name in fields:
            continue
        kind = before.get(name)
        found = kinds.get(name, frozenset())
        if kind is None and not found:
            # Nothing but nulls so far: it has no type, and its rows miss nothing.
            continue
        after = _together(found) if kind is None else _widened(kind, found, in_key=name in key)
        if after is None:
            assert kind is not None
            strange.add(name)
            after = kind
        fields[name] = _field(name, after)
    return list(fields.values()), strange


def fits(kind: str, found: str, *, in_key: bool = False) -> bool:
    """Whether a value of the one kind can be stored in a column of the other."""
    return found == "null" or _widened(kind, frozenset({found}), in_key=in_key) is not None


def _widened(kind: str, found: frozenset[str], *, in_key: bool) -> str | None:
    """The kind that holds what was there and all that came; None if there is none."""
    if found <= {kind} or kind == "text":
        return kind
    if in_key:
        return None
    after: str | None = kind
    for each in sorted(found - {kind}):
        after = after if after in (each, "text") else _WIDENING.get((after or "", each))
        if after is None:
            return None
    return after


def _together(found: frozenset[str]) -> str:
    """The kind of a column that nothing is known of yet."""
    return reduce(lambda one, other: "decimal" if {one, other} == {"int64", "decimal"} else "text", sorted(found))


def _field(name: str, kind: str) -> Field:
    type_ = ColumnType(kind)
    return Field(Column(name, type_, kind), form_of(type_) if kind == "bool" else "")
