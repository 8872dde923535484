"""What a message's schema, or a setting, says of a column: its type, and how its values are spelled."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tillstream.change import Column, ColumnType
from tillstream.errors import ConfigError
from tillstream.sources.kafka.cells import form_of

OTHER = ColumnType("other")


@dataclass(frozen=True, slots=True)
class Field:
    """A column and the form of its cells."""

    column: Column
    form: str


@dataclass(frozen=True, slots=True)
class Schema:
    """What a schema says: whether its messages are envelopes, and the columns of a row."""

    is_envelope: bool
    fields: tuple[Field, ...]


# Connect's own names and Debezium's: the shared word, and the form.
_NAMED: Mapping[str, tuple[ColumnType, str]] = {
    "io.debezium.time.Date": (ColumnType("date"), "days"),
    "io.debezium.time.Timestamp": (ColumnType("timestamp"), "ms"),
    "io.debezium.time.MicroTimestamp": (ColumnType("timestamp"), "us"),
    "io.debezium.time.NanoTimestamp": (ColumnType("timestamp"), "ns"),
    "io.debezium.time.ZonedTimestamp": (ColumnType("timestamptz"), "isotz trim"),
    "io.debezium.time.IsoDate": (ColumnType("date"), "iso trim"),
    "io.debezium.time.IsoTime": (ColumnType("time"), "iso trim"),
    "io.debezium.time.IsoTimestamp": (ColumnType("timestamp"), "iso trim"),
    "io.debezium.time.Time": (ColumnType("time"), "time ms"),
    "io.debezium.time.MicroTime": (ColumnType("time"), "time us"),
    "io.debezium.time.NanoTime": (ColumnType("time"), "time ns"),
    "io.debezium.time.ZonedTime": (OTHER, "isotz trim"),
    "io.debezium.time.MicroDuration": (OTHER, ""),
    "io.debezium.time.Interval": (OTHER, ""),
    "io.debezium.time.Year": (ColumnType("int32"), ""),
    "io.debezium.data.VariableScaleDecimal": (ColumnType("decimal"), "variable"),
    "io.debezium.data.Json": (ColumnType("json"), ""),
    "io.debezium.data.Xml": (ColumnType("text"), ""),
    "io.debezium.data.Uuid": (ColumnType("uuid"), ""),
    "io.debezium.data.Enum": (ColumnType("enum"), ""),
    "io.debezium.data.Ltree": (OTHER, ""),
    "org.apache.kafka.connect.data.Date": (ColumnType("date"), "days"),
    "org.apache.kafka.connect.data.Time": (ColumnType("time"), "time ms"),
    "org.apache.kafka.connect.data.Timestamp": (ColumnType("timestamp"), "ms"),
}
_PLAIN = {
    "boolean": "bool",
    "int8": "int16",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "int": "int32",
    "long": "int64",
    "float": "float32",
    "float32": "float32",
    "double": "float64",
    "float64": "float64",
    "string": "text",
    "bytes": "bytes",
    "map": "json",
    "struct": "json",
    "record": "json",
    "enum": "enum",
}
_DECLARED = "__debezium.source.column."


def connect_schema(text: bytes | str) -> Schema:
    """The schema that Connect's JSON converter writes before each payload. ValueError when it is none."""
    return schema_of(json.loads(text))


def schema_of(tree: Mapping[str, Any]) -> Schema:
    """The same from its parsed form."""
    members = {member["field"]: member for member in tree.get("fields", ())}
    row = members.get("after") or members.get("before")
    if "op" in members and row is not None:
        return Schema(True, tuple(map(_field, row["fields"])))
    return Schema(False, tuple(map(_field, tree.get("fields", ()))))


def _field(member: Mapping[str, Any]) -> Field:
    kind, form = _typed(member)
    parameters = member.get("parameters", {})
    declared = parameters.get(f"{_DECLARED}type", "").lower()
    if declared and f"{_DECLARED}length" in parameters:
        scale = parameters.get(f"{_DECLARED}scale")
        declared += f"({parameters[f'{_DECLARED}length']}{f',{scale}' if scale else ''})"
    return Field(Column(member["field"], kind, declared or member.get("name") or member["type"]), form)


def _typed(member: Mapping[str, Any]) -> tuple[ColumnType, str]:
    name, parameters = member.get("name") or "", member.get("parameters", {})
    if name in _NAMED:
        return _NAMED[name]
    if name == "org.apache.kafka.connect.data.Decimal":
        precision, scale = parameters.get("connect.decimal.precision"), int(parameters.get("scale", 0))
        kind = ColumnType("decimal", int(precision), scale) if precision else ColumnType("decimal")
        return kind, f"decimal {scale}"
    if name == "decimal":
        # Of Avro, whose decimals come as texts.
        bounded = parameters["precision"].isdigit()
        size = (int(parameters["precision"]), int(parameters["scale"])) if bounded else (None, None)
        return ColumnType("decimal", *size), ""
    if name == "io.debezium.data.Bits":
        return OTHER, f"bits {parameters.get('length', '')}".strip()
    if name.startswith("io.debezium.data.geometry"):
        return ColumnType("text"), ""
    if member["type"] == "array":
        element, form = _typed(member["items"])
        return ColumnType("array", element=element), f"{form}[]"
    kind = ColumnType(_PLAIN.get(member["type"], "other"))
    return kind, form_of(kind)


_WORD = re.compile(r"(\w+)(?:\((.*)\))?(?:/(\w+))?")
_KINDS = {*_PLAIN.values(), "uint64", "decimal", "uuid", "date", "time", "timestamp", "timestamptz", "array", "other"}
_UNITS = {
    ("timestamp", "ms"): "ms",
    ("timestamp", "us"): "us",
    ("timestamp", "ns"): "ns",
    ("timestamptz", "ms"): "ms zone",
    ("timestamptz", "us"): "us zone",
    ("timestamptz", "ns"): "ns zone",
    ("date", "days"): "days",
    ("time", "ms"): "time ms",
    ("time", "us"): "time us",
    ("time", "ns"): "time ns",
}


def declared_field(name: str, word: str) -> Field:
    """The column that a setting's word declares. ConfigError names the words there are."""
    parts = _WORD.fullmatch(word.replace(" ", ""))
    if parts is None or parts[1] not in _KINDS:
        raise _unknown(name, word)
    kind, inside, unit = parts.groups()
    if kind == "array":
        element = declared_field(name, inside or "text")
        return Field(Column(name, ColumnType("array", element=element.column.type), word), f"{element.form}[]")
    if kind == "decimal" and inside:
        precision, _, scale = inside.partition(",")
        if not precision.isdigit() or not (scale or "0").isdigit():
            raise _unknown(name, word)
        type_ = ColumnType("decimal", int(precision), int(scale or 0))
        return Field(Column(name, type_, word), f"decimal {scale or 0}" if unit == "base64" else "number")
    if unit is not None and (kind, unit) not in _UNITS:
        raise _unknown(name, word)
    type_ = ColumnType(kind)
    form = _UNITS[kind, unit] if unit else "number" if kind == "decimal" else form_of(type_)
    return Field(Column(name, type_, word), f"{form} trim" if form in ("iso", "isotz") else form)


def declared_fields(columns: Mapping[str, str]) -> Sequence[Field]:
    """All of a topic's declared columns."""
    return [declared_field(name, word) for name, word in columns.items()]


def _unknown(name: str, word: str) -> ConfigError:
    return ConfigError(
        f'column "{name}" is declared as "{word}", which is no type',
        detail=f"Known are {', '.join(sorted(_KINDS))}; such as decimal(12,2), array(text), timestamp/us.",
        hint="Correct it in `[stream.topics]` in till.toml.",
    )
