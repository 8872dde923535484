"""From messages to changes: told apart, taken apart in the engine, put together as rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tillstream.change import Changes, Refused
from tillstream.ports import Engine
from tillstream.sources.kafka import versions
from tillstream.sources.kafka.assembling import Found, Origins
from tillstream.sources.kafka.cells import form_of
from tillstream.sources.kafka.descriptions import Descriptions
from tillstream.sources.kafka.foreign import Foreign, Strangers
from tillstream.sources.kafka.messages import Messages
from tillstream.sources.kafka.pieces import AvroReader, Piece, Refusal, sort
from tillstream.sources.kafka.refusing import refused, what_is_wrong
from tillstream.sources.kafka.settings import ReadingSettings
from tillstream.sources.kafka.taking import ANY, OURS, Envelopes, Places, envelopes, objects

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a run of messages says. `tables` is what is now remembered of others' topics."""

    changes: tuple[Changes, ...]
    refused: tuple[Refused, ...]
    tables: Mapping[str, str]
    committed_first_at: datetime | None = None
    committed_last_at: datetime | None = None
    transaction_count: int = 0


@dataclass(slots=True)
class _Result:
    """What has been found so far."""

    found: list[Found] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


class Decoder:
    """Decodes the messages of a batch, whatever their topics; one question to the engine for each way to write rows."""

    def __init__(
        self, engine: Engine, descriptions: Descriptions, reading: ReadingSettings, avro: AvroReader | None = None
    ) -> None:
        self._engine = engine
        self._descriptions = descriptions
        self._reading = reading
        self._avro = avro

    def decode(self, gathered: Sequence[Messages], tables: Mapping[str, str]) -> Decoded:
        """The changes of these messages. The same messages give the same, however they are cut into runs."""
        result = _Result()
        pieces: list[Piece] = []
        strangers = Strangers(self._engine, self._reading.topics, tables)
        foreign = Foreign(self._engine, strangers)
        for messages in sorted(gathered, key=lambda each: each.topic):
            told = sort(messages, self._reading.topics.get(messages.topic), self._avro)
            pieces += told.pieces
            result.refusals += told.refusals
            foreign.bury(messages, told.tombstones)
        self._ours([piece for piece in pieces if piece.table is not None], result)
        self._envelopes([piece for piece in pieces if piece.is_envelope and piece.table is None], foreign)
        self._rows([piece for piece in pieces if not piece.is_envelope], foreign)
        result.found += foreign.found()
        result.refusals += foreign.refusals
        return _decoded(result, strangers.remembered())

    def _ours(self, pieces: Sequence[Piece], result: _Result) -> None:
        taken = envelopes(self._engine, _payloads(pieces), OURS) if pieces else None
        begin = 0
        for piece in pieces:
            assert taken is not None
            result.found += self._described(piece, taken, begin, result.refusals)
            begin += len(piece.payloads)

    def _envelopes(self, pieces: Sequence[Piece], foreign: Foreign) -> None:
        taken = envelopes(self._engine, _payloads(pieces), ANY) if pieces else None
        begin = 0
        for piece in pieces:
            assert taken is not None
            foreign.envelopes(piece, taken, begin)
            begin += len(piece.payloads)

    def _rows(self, pieces: Sequence[Piece], foreign: Foreign) -> None:
        taken = objects(self._engine, _payloads(pieces)) if pieces else None
        begin = 0
        for piece in pieces:
            assert taken is not None
            foreign.rows(piece, taken.take(np.arange(begin, begin + len(piece.payloads))))
            begin += len(piece.payloads)

    def _described(self, piece: Piece, taken: Envelopes, begin: int, refusals: list[Refusal]) -> Iterator[Found]:
        assert piece.table is not None
        table = self._descriptions.table(piece.table)
        origins, lost = versions.of_ours(piece, taken, begin)
        good = readable(piece, origins, lost, refusals)
        if not len(good):
            return
        yield Found(
            table,
            [form_of(column.type) for column in table.columns],
            origins.take(good),
            taken.row.take(good + begin),
            taken.before.take(good + begin),
            taken.partial,
        )


def readable(piece: Piece, origins: Origins, lost: NDArray[np.bool_], refusals: list[Refusal]) -> Places:
    """The rows that can be used; the others are refused."""
    unusable = (origins.letters == 0) | lost
    for place in np.flatnonzero(unusable).tolist():
        rule, reason = what_is_wrong(piece.payloads[place], is_envelope=piece.is_envelope)
        refusals.append(Refusal(piece.messages, piece.places[place], rule, reason))
    return np.flatnonzero(~unusable)


def _payloads(pieces: Sequence[Piece]) -> list[bytes]:
    return pieces[0].payloads if len(pieces) == 1 else [payload for piece in pieces for payload in piece.payloads]


def _decoded(result: _Result, tables: Mapping[str, str]) -> Decoded:
    changes = tuple(found.changes() for found in result.found)
    entries = sorted(map(refused, result.refusals), key=lambda entry: (entry.origin, entry.position))
    firsts, lasts, places = [], [], []
    for each in changes:
        assert isinstance(each.rows, pa.Table)
        spread = pc.min_max(each.rows.column("_till_committed_at").cast(pa.int64()))
        firsts.append(spread["min"].as_py())
        lasts.append(spread["max"].as_py())
        lsn = each.rows.column("_till_lsn").to_numpy()
        # A table's rows are in the order of the log.
        places.append(lsn[np.flatnonzero(np.diff(lsn, prepend=lsn[:1] + 1))])
    return Decoded(
        changes=changes,
        refused=tuple(entries),
        tables=tables,
        committed_first_at=_moment(min(firsts)) if firsts else None,
        committed_last_at=_moment(max(lasts)) if lasts else None,
        transaction_count=len(places[0] if len(places) == 1 else set().union(*(each.tolist() for each in places))),
    )


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
