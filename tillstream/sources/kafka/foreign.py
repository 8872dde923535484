"""Messages that are not ours: Debezium's, flattened ones, plain rows; and the tombstones between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tillstream.change import Table
from tillstream.ports import Engine
from tillstream.sources.kafka import versions
from tillstream.sources.kafka.assembling import Found, Origins
from tillstream.sources.kafka.inference import Kinds, kinds_of
from tillstream.sources.kafka.messages import Messages
from tillstream.sources.kafka.pieces import Piece, Refusal
from tillstream.sources.kafka.refusing import does_not_fit, what_is_wrong
from tillstream.sources.kafka.strangers import (
    Memory,
    Stranger,
    foreign_table,
    forms_of,
    key_payload,
    named_by,
    recalled,
    remembered,
)
from tillstream.sources.kafka.taking import Envelopes, Places, Rows, objects
from tillstream.streaming import TopicSettings

_DELETE, _TRUNCATE = b"DT"
_BETWEEN = "\x1f"
Name = tuple[str, str]


class Strangers:
    """What is known of others' tables, by topic and name; it grows with what comes."""

    def __init__(self, engine: Engine, topics: Mapping[str, TopicSettings], tables: Mapping[str, str]) -> None:
        self._engine = engine
        self._topics = topics
        self._known = {key: recalled(text) for key, text in tables.items()}
        self._tables = dict(tables)

    def settings(self, topic: str) -> TopicSettings:
        """What the user says of a topic."""
        return self._topics.get(topic, TopicSettings())

    def meet(self, piece: Piece, name: Name, payloads: Sequence[bytes]) -> Stranger:
        """The table of these messages, with what they add to it."""
        topic = piece.messages.topic
        key = f"{topic}{_BETWEEN}{'.'.join(name)}"
        known = self._known.get(key)
        kinds: Kinds = {}
        if piece.schema is None:
            kinds = kinds_of(self._engine, payloads, ("before", "after") if piece.is_envelope else ())
        stranger = foreign_table(piece, name, self.settings(topic), kinds, known.table if known else None)
        if piece.schema is None or not piece.is_envelope:
            memory = Memory(piece.is_envelope, stranger.table)
            if memory != known:
                self._known[key] = memory
                self._tables[key] = remembered(memory)
        return stranger

    def of_rows(self, topic: str) -> Memory | None:
        """What is known of a topic whose messages are rows, in which a tombstone is a delete."""
        for key, memory in self._known.items():
            if key.partition(_BETWEEN)[0] == topic and not memory.is_envelope:
                return memory
        return None

    def remembered(self) -> Mapping[str, str]:
        """Everything known, as it is kept with the position."""
        return self._tables


class Foreign:
    """Turns pieces of others' messages into rows."""

    def __init__(self, engine: Engine, strangers: Strangers) -> None:
        self.refusals: list[Refusal] = []
        self._engine = engine
        self._strangers = strangers
        self._found: list[Found] = []
        self._tombstones: list[tuple[Messages, list[int]]] = []

    def bury(self, messages: Messages, tombstones: list[int]) -> None:
        """Take in tombstones; what they mean shows when the topic's other messages are known."""
        if tombstones:
            self._tombstones.append((messages, tombstones))

    def found(self) -> list[Found]:
        """All rows, those that tombstones delete included."""
        for messages, places in self._tombstones:
            self._buried(messages, np.array(places, np.int64))
        self._tombstones = []
        return self._found

    def envelopes(self, piece: Piece, taken: Envelopes, begin: int) -> None:
        """Take in a piece of envelopes, whose rows begin there in what was taken apart."""
        count = len(piece.payloads)
        letters = versions.letters_of(taken.op.slice(begin, count))
        self._refuse_where(piece, letters == 0)
        for name, places in self._by_table(piece, taken, begin, letters):
            stranger = self._strangers.meet(piece, name, _chosen(piece.payloads, places))
            origins, lost = versions.of_envelopes(piece, taken, begin, has_key=bool(stranger.table.key))
            self._refuse_where(piece, _only(lost, places))
            good = self._fitting(piece, stranger, places[~lost[places]])
            rows, before = taken.row.take(good + begin), taken.before.take(good + begin)
            found = Found(stranger.table, stranger.forms, origins.take(good), rows, before, taken.partial)
            self._add(piece, stranger, found)

    def rows(self, piece: Piece, rows: Rows) -> None:
        """Take in a piece of plain rows."""
        topic = piece.messages.topic
        empty = rows.widths == 0
        self._refuse_where(piece, empty)
        places = np.flatnonzero(~empty)
        if not len(places):
            return
        name = named_by(topic, self._strangers.settings(topic))
        stranger = self._strangers.meet(piece, name, _chosen(piece.payloads, places))
        origins = versions.of_rows(piece, rows, has_key=bool(stranger.table.key))
        good = self._fitting(piece, stranger, places)
        found = Found(stranger.table, stranger.forms, origins.take(good), rows.take(good), partial=True)
        self._add(piece, stranger, found)

    def _add(self, piece: Piece, stranger: Stranger, found: Found) -> None:
        """Keep rows that have a key; the others are refused."""
        lacking = np.zeros(len(found.origins), bool)
        for name in stranger.table.key:
            lacking |= found.rows.column(name).is_null().to_numpy(zero_copy_only=False)
        lacking &= found.origins.letters != _TRUNCATE
        if lacking.any():
            where = {
                (partition, offset): place
                for place, (partition, offset) in enumerate(
                    zip(piece.messages.partitions, piece.messages.offsets, strict=True)
                )
            }
            names = ", ".join(stranger.table.key)
            bad = found.origins.take(np.flatnonzero(lacking))
            for partition, offset in zip(bad.partition.tolist(), bad.offset.tolist(), strict=True):
                refusal = Refusal(piece.messages, where[partition, offset], "key", f"the row has no {names}")
                self.refusals.append(refusal)
            found = _kept(found, np.flatnonzero(~lacking))
        if len(found.origins):
            self._found.append(found)

    def _fitting(self, piece: Piece, stranger: Stranger, places: Places) -> Places:
        """The rows that can be stored like older ones; the others are refused."""
        if not stranger.strange:
            return places
        kinds = {name: stranger.table.column(name).type.kind for name in sorted(stranger.strange)}
        good = []
        for place in places.tolist():
            reason = does_not_fit(piece.payloads[place], kinds, is_envelope=piece.is_envelope)
            if reason is None:
                good.append(place)
            else:
                self.refusals.append(Refusal(piece.messages, piece.places[place], "type", reason))
        return np.array(good, np.int64)

    def _by_table(
        self, piece: Piece, taken: Envelopes, begin: int, letters: NDArray[np.uint8]
    ) -> list[tuple[Name, Places]]:
        """The rows of each table that the envelopes name."""
        topic = piece.messages.topic
        settings = self._strangers.settings(topic)
        places = np.flatnonzero(letters != 0)
        if settings.table:
            return [(named_by(topic, settings), places)] if len(places) else []
        source = taken.source.slice(begin, len(piece.payloads))
        schemas = pc.coalesce(source.column("schema"), source.column("db"), named_by(topic, settings)[0]).to_pylist()
        tables = pc.coalesce(source.column("table"), named_by(topic, settings)[1]).to_pylist()
        named = sorted((schemas[place], tables[place], place) for place in places.tolist())
        return [
            (name, np.array([place for _, _, place in run], np.int64))
            for name, run in groupby(named, key=lambda each: (each[0], each[1]))
        ]

    def _buried(self, messages: Messages, places: Places) -> None:
        memory = self._strangers.of_rows(messages.topic)
        if memory is None or not memory.table.key:
            return
        rows = objects(self._engine, [key_payload(messages.keys[place]) for place in places.tolist()])
        letters = np.full(len(places), _DELETE, np.uint8)
        origins: Origins = versions.of_topic(messages, places, letters)
        forms = forms_of(memory.table, self._strangers.settings(messages.topic))
        piece = Piece(messages, False, places=places.tolist())
        stranger = Stranger(memory.table, forms)
        self._add(piece, stranger, Found(memory.table, forms, origins, rows))

    def _refuse_where(self, piece: Piece, wrong: NDArray[np.bool_]) -> None:
        for place in np.flatnonzero(wrong).tolist():
            rule, reason = what_is_wrong(piece.payloads[place], is_envelope=piece.is_envelope)
            self.refusals.append(Refusal(piece.messages, piece.places[place], rule, reason))


def _only(claims: NDArray[np.bool_], places: Places) -> NDArray[np.bool_]:
    inside = np.zeros(len(claims), bool)
    inside[places] = True
    return claims & inside


def _chosen(payloads: Sequence[bytes], places: Places) -> Sequence[bytes]:
    return payloads if len(places) == len(payloads) else [payloads[place] for place in places.tolist()]


def _kept(found: Found, chosen: Places) -> Found:
    before = found.before.take(chosen) if found.before else None
    return Found(found.table, found.forms, found.origins.take(chosen), found.rows.take(chosen), before, found.partial)


def known_tables(tables: Mapping[str, str]) -> list[Table]:
    """The tables in what a position remembers."""
    return [recalled(text).table for text in tables.values()]
