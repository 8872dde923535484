"""Tables that others' messages speak of: their names, keys and columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tillstream.change import Table
from tillstream.kafka.tables import described, table_from
from tillstream.sources.kafka.cells import form_of
from tillstream.sources.kafka.fields import Field, declared_fields
from tillstream.sources.kafka.inference import Kinds, fields_of
from tillstream.sources.kafka.messages import Messages
from tillstream.sources.kafka.pieces import Piece
from tillstream.streaming import TopicSettings

# What the transform that takes envelopes off may leave in a row; no column of the table's.
MARKS = ("__op", "__deleted", "__lsn", "__source_lsn", "__table", "__ts_ms", "__source_ts_ms", "__db", "__schema")


@dataclass(frozen=True, slots=True)
class Stranger:
    """A table as far as it is known, with the forms of its cells; `strange` columns hold values that don't fit."""

    table: Table
    forms: Sequence[str]
    strange: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a topic's table: whether its messages are envelopes, and the columns."""

    is_envelope: bool
    table: Table


def recalled(text: str) -> Memory:
    """What `remembered` wrote."""
    tree = json.loads(text)
    return Memory(tree["envelope"], table_from(json.dumps(tree["table"])))


def remembered(memory: Memory) -> str:
    """A memory as it is kept with the position."""
    tree = {"envelope": memory.is_envelope, "table": json.loads(described(memory.table))}
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def named_by(topic: str, settings: TopicSettings) -> tuple[str, str]:
    """Schema and name of the table, by the settings or by the topic's last two words."""
    words = (settings.table or topic).split(".")
    return (words[-2], words[-1]) if len(words) > 1 else ("public", words[0])


def foreign_table(
    piece: Piece, name: tuple[str, str], settings: TopicSettings, kinds: Kinds, known: Table | None
) -> Stranger:
    """The table of a piece of others' messages."""
    declared = declared_fields(settings.columns)
    strange: set[str] = set()
    key = tuple(settings.key) or (known.key if known else ()) or key_of(piece.messages)
    if piece.schema is not None:
        spoken = {each.column.name: each for each in declared}
        fields = [spoken.get(each.column.name, each) for each in piece.schema.fields]
    else:
        before = replace(known, key=key) if known else None
        fields, strange = fields_of(declared, before, kinds)
    fields = [each for each in fields if piece.is_envelope or each.column.name not in MARKS]
    table = Table(*name, tuple(each.column for each in fields), _there(key, fields))
    return Stranger(table, [each.form for each in fields], frozenset(strange))


def forms_of(table: Table, settings: TopicSettings) -> list[str]:
    """The forms of a table that was remembered."""
    declared = {each.column.name: each.form for each in declared_fields(settings.columns)}
    return [declared.get(column.name, form_of(column.type)) for column in table.columns]


def key_of(messages: Messages) -> tuple[str, ...]:
    """The columns of the messages' keys: JSON objects, with or without a schema; none when they are something else."""
    for key in messages.keys:
        if key is None:
            continue
        return tuple(_unwrapped(_object(key)))
    return ()


def key_payload(key: bytes | None) -> bytes:
    """A key as a plain object."""
    tree: Mapping[str, object] = _object(key or b"")
    inside = _unwrapped(tree)
    return key or b"" if inside is tree else json.dumps(inside).encode()


def _unwrapped(tree: Mapping[str, object]) -> Mapping[str, object]:
    """What stands beside a schema, where there is one."""
    payload = tree.get("payload")
    return payload if isinstance(payload, dict) and "schema" in tree else tree


def _object(text: bytes) -> Mapping[str, object]:
    try:
        tree = json.loads(text)
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _there(key: tuple[str, ...], fields: Sequence[Field]) -> tuple[str, ...]:
    names = {each.column.name for each in fields}
    return key if set(key) <= names else ()
