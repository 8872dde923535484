"""What kind of message each is: by its header, its first bytes, its schema, or what the settings say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tillstream.sources.kafka.fields import Schema, connect_schema
from tillstream.sources.kafka.messages import Messages
from tillstream.streaming import TopicSettings

# How Connect's JSON converter begins a message with a schema, and what stands between the two.
_WITH_SCHEMA, _PAYLOAD = b'{"schema":', b',"payload":'
_AVRO = b"\x00"


class AvroReader(Protocol):
    """Reads what a schema registry's serializers wrote."""

    def read(self, topic: str, value: bytes) -> tuple[bytes, Schema]:
        """The message as JSON, and its schema. ValueError when it can't be read."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that could not be taken, and why."""

    messages: Messages
    place: int
    rule: str
    reason: str


@dataclass(slots=True)
class Piece:
    """Messages of one topic that are read the same way: where they are in it, and their payloads.

    `table` is the id of the description that ours follow; `schema` what the message itself says; neither: nothing
    but the values is known.
    """

    messages: Messages
    is_envelope: bool
    table: str | None = None
    schema: Schema | None = None
    places: list[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Sorted:
    """One topic's messages as pieces, with what has no value (a tombstone) and what can't be read."""

    pieces: list[Piece] = field(default_factory=list)
    tombstones: list[int] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def sort(messages: Messages, settings: TopicSettings | None, avro: AvroReader | None) -> Sorted:
    """Tell a topic's messages apart."""
    ours = set(messages.tables) - {None}
    if len(ours) == 1 and None not in messages.tables and None not in messages.values:
        (table,) = ours
        return Sorted([_all_of(messages, table)])
    if avro is not None:
        messages.keys = [_readable_key(messages.topic, key, avro) for key in messages.keys]
    return _Sorting(messages, settings or TopicSettings(), avro).sorted()


def _readable_key(topic: str, key: bytes | None, avro: AvroReader) -> bytes | None:
    """A key as JSON; what can't be read stays as it is."""
    if key is None or not key.startswith(_AVRO):
        return key
    try:
        return avro.read(topic, key)[0]
    except ValueError:
        return key


def _all_of(messages: Messages, table: str | None) -> Piece:
    payloads = [value for value in messages.values if value is not None]
    return Piece(messages, True, table, places=list(range(len(messages))), payloads=payloads)


class _Sorting:
    """Goes through a topic's messages one by one."""

    def __init__(self, messages: Messages, settings: TopicSettings, avro: AvroReader | None) -> None:
        self._messages = messages
        self._settings = settings
        self._avro = avro
        self._pieces: dict[object, Piece] = {}
        self._prefix, self._schema = b"", Schema(False, ())
        self._found = Sorted()

    def sorted(self) -> Sorted:
        for place, (value, table) in enumerate(zip(self._messages.values, self._messages.tables, strict=True)):
            if value is None:
                # Behind a delete of ours a tombstone says nothing new.
                if table is None:
                    self._found.tombstones.append(place)
            elif table is not None:
                self._put(place, value, table=table)
            else:
                self._foreign(place, value)
        self._found.pieces = list(self._pieces.values())
        return self._found

    def _foreign(self, place: int, value: bytes) -> None:
        try:
            if self._avro is not None and value.startswith(_AVRO):
                payload, schema = self._avro.read(self._messages.topic, value)
                self._put(place, payload, schema=schema)
            elif value.startswith(_WITH_SCHEMA):
                self._put(place, *self._parted(value))
            else:
                self._put(place, value)
        except ValueError as error:
            self._found.refusals.append(Refusal(self._messages, place, "schema", str(error)))

    def _parted(self, value: bytes) -> tuple[bytes, Schema]:
        """Payload and schema. The schema before is most often this one's, too."""
        if not self._prefix or not value.startswith(self._prefix):
            cut = next(_ends(value), None)
            if cut is None:
                raise ValueError("it has a schema and no payload")
            try:
                self._schema = connect_schema(value[len(_WITH_SCHEMA) : cut])
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ValueError("its schema is not one that Connect's JSON converter writes") from error
            self._prefix = value[:cut] + _PAYLOAD
        return value[len(self._prefix) :].rstrip()[:-1], self._schema

    def _put(self, place: int, payload: bytes, schema: Schema | None = None, *, table: str | None = None) -> None:
        piece = self._pieces.get(table or schema)
        if table is None and schema is None:
            is_envelope = self._is_envelope(payload)
            piece = self._pieces.get(is_envelope)
            if piece is None:
                piece = self._pieces[is_envelope] = Piece(self._messages, is_envelope)
        elif piece is None:
            is_envelope = schema.is_envelope if schema is not None else True
            piece = self._pieces[table or schema] = Piece(self._messages, is_envelope, table, schema)
        piece.places.append(place)
        piece.payloads.append(payload)

    def _is_envelope(self, payload: bytes) -> bool:
        if self._settings.format in ("envelope", "rows"):
            return self._settings.format == "envelope"
        return b'"op"' in payload and b'"after"' in payload and b'"source"' in payload


def _ends(value: bytes) -> Iterator[int]:
    """Where the schema at the beginning ends: the first place where its braces are even and the payload follows."""
    cut = value.find(_PAYLOAD)
    while cut >= 0:
        schema = value[len(_WITH_SCHEMA) : cut]
        if schema.count(b"{") == schema.count(b"}"):
            yield cut
        cut = value.find(_PAYLOAD, cut + 1)


def payloads(pieces: Sequence[Piece]) -> tuple[list[bytes], Mapping[int, int]]:
    """The payloads of several pieces end to end, and where each piece begins, by its place among them."""
    together: list[bytes] = []
    begins = {}
    for place, piece in enumerate(pieces):
        begins[place] = len(together)
        together += piece.payloads
    return together, begins
