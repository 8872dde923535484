"""Where a row stands in its source's log, by what its envelope says: the order of a row's versions.

A row's versions are ordered by where the source wrote them, whatever partition they came through and however often.
Rows that don't say it, and tables without a key, whose rows could not be told apart by it, are ordered by where they
are in the topic.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tillstream.sources.kafka.assembling import Origins
from tillstream.sources.kafka.messages import Messages
from tillstream.sources.kafka.pieces import Piece
from tillstream.sources.kafka.taking import Envelopes, Places, Rows

_LETTERS = {"c": "I", "r": "R", "u": "U", "d": "D", "t": "T"}
_SNAPSHOT, _INSERT, _UPDATE, _DELETE = b"RIUD"
_MILLIS = 1000


def of_topic(messages: Messages, places: Places, letters: NDArray[np.uint8]) -> Origins:
    """By offset and partition; the time is the message's."""
    partition = np.array(messages.partitions, np.int64)[places]
    offset = np.array(messages.offsets, np.int64)[places]
    return Origins(
        lsn=(offset + 1).astype(np.uint64),
        ordinal=partition.astype(np.uint32),
        letters=letters,
        xid=np.zeros(len(places), np.uint32),
        at=np.array(messages.times, np.int64)[places] * _MILLIS,
        partition=partition,
        offset=offset,
    )


def letters_of(op: pa.Array) -> NDArray[np.uint8]:
    """Bronze's letters for the operations of envelopes; 0 for what is none."""
    encoded = pc.dictionary_encode(pc.fill_null(op, ""))
    known = np.array([ord(_LETTERS.get(name, "\0")) for name in encoded.dictionary.to_pylist()], np.uint8)
    return known[encoded.indices.to_numpy()] if len(known) else np.zeros(len(op), np.uint8)


def of_ours(piece: Piece, found: Envelopes, begin: int) -> tuple[Origins, NDArray[np.bool_]]:
    """Where each row of a piece of our own envelopes stands, and which of them do not say so."""
    source = found.source.slice(begin, len(piece.payloads))
    lsn = _numbers(source, "lsn")
    origins = replace(
        _origins(piece, found, begin, _numbers(source, "ts_us")),
        lsn=lsn.astype(np.uint64),
        ordinal=_numbers(source, "ordinal").astype(np.uint32),
        xid=(_numbers(source, "txId") & 0xFFFFFFFF).astype(np.uint32),
    )
    return origins, lsn == 0


def _origins(piece: Piece, found: Envelopes, begin: int, at: NDArray[np.int64]) -> Origins:
    """By the topic, but for the operation and, where the source says it, the time."""
    letters = letters_of(found.op.slice(begin, len(piece.payloads)))
    places = np.array(piece.places, np.int64)
    if any(piece.messages.moved):
        letters = np.where((letters == _INSERT) & np.array(piece.messages.moved, bool)[places], _UPDATE, letters)
    origins = of_topic(piece.messages, places, letters.astype(np.uint8))
    return replace(origins, at=np.where(at > 0, at, origins.at))


def of_envelopes(piece: Piece, found: Envelopes, begin: int, *, has_key: bool) -> tuple[Origins, NDArray[np.bool_]]:
    """The same for others' envelopes, as far as they say it; lost are those that do not and should."""
    count = len(piece.payloads)
    source = found.source.slice(begin, count)
    micros = _numbers(source, "ts_us")
    at = np.where(micros > 0, micros, _numbers(source, "ts_ms") * _MILLIS)
    xid = (_numbers(source, "txId") & 0xFFFFFFFF).astype(np.uint32)
    origins = replace(_origins(piece, found, begin, at), xid=xid)
    lsn = _numbers(source, "lsn")
    nothing = np.zeros(count, bool)
    if not has_key:
        return origins, nothing
    is_change = origins.letters != _SNAPSHOT
    is_postgresql = _are(pc.equal(source.column("connector"), "postgresql"))
    file = _file_numbers(source)
    has_place = is_postgresql | (lsn > 0) | (file > 0)
    lsn = np.where(file > 0, file << 32 | _numbers(source, "pos"), lsn)
    ordinal = np.where(is_change, _numbers(source, "row") + 1, 0)
    placed = replace(
        origins,
        lsn=np.where(has_place, lsn, origins.lsn).astype(np.uint64),
        ordinal=np.where(has_place, ordinal, origins.ordinal).astype(np.uint32),
    )
    return placed, has_place & (lsn == 0) & is_change


def of_rows(piece: Piece, rows: Rows, *, has_key: bool) -> Origins:
    """The same for rows without an envelope, in which the transform that took it off may have left marks."""
    deleted = _are(pc.equal(rows.column("__deleted"), "true"))
    letters = letters_of(rows.column("__op"))
    letters = np.where(deleted, _DELETE, np.where(letters == 0, _UPDATE, letters)).astype(np.uint8)
    origins = of_topic(piece.messages, np.array(piece.places, np.int64), letters)
    if not has_key:
        return origins
    texts = pc.coalesce(rows.column("__lsn"), rows.column("__source_lsn"), "0")
    lsn = pc.if_else(pc.match_substring_regex(texts, r"^\d{1,19}$"), texts, "0").cast(pa.uint64()).to_numpy()
    # Where deletes are told by tombstones alone, they don't say where they stand; then nobody's word counts.
    has_place = (lsn > 0) & (rows.has("__op") | rows.has("__deleted"))
    return replace(
        origins,
        lsn=np.where(has_place, lsn, origins.lsn).astype(np.uint64),
        ordinal=np.where(has_place, letters != _SNAPSHOT, origins.ordinal).astype(np.uint32),
    )


def _file_numbers(source: pa.Table) -> NDArray[np.int64]:
    """The numbers of binlog files: 12 of `binlog.000012`."""
    encoded = pc.dictionary_encode(pc.fill_null(source.column("file").combine_chunks(), ""))
    ends = [name.rpartition(".")[2] for name in encoded.dictionary.to_pylist()]
    numbers = np.array([int(end) if end.isdigit() else 0 for end in ends], np.int64)
    return numbers[encoded.indices.to_numpy()] if len(numbers) else np.zeros(len(source), np.int64)


def _are(claims: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    known = pc.fill_null(claims, False)
    return np.asarray(known.to_numpy() if isinstance(known, pa.ChunkedArray) else known.to_numpy(zero_copy_only=False))


def _numbers(source: pa.Table, name: str) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = source.column(name).to_numpy().astype(np.int64)
    return numbers
