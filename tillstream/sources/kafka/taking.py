"""Taking JSON messages apart in the engine: one question for all messages of a batch, whatever their tables.

A row comes back as its *shape*, the names of its values joined by a sign that no name has, and its *cells*, the
values as text: numbers by their digits, true and false, nested things as JSON, null for null. Rows of one shape are
then columns by arithmetic alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tillstream.kafka.names import UNCHANGED
from tillstream.ports import Engine

SEPARATOR = "\x1f"
Places = NDArray[np.int64]

# What an envelope says of where its row is from; a number that is missing is 0. Each word asked for costs time.
OURS = {"lsn": "UInt64", "ordinal": "UInt32", "txId": "Int64", "ts_us": "Int64"}
ANY = OURS | {
    "ts_ms": "Int64",
    "schema": "Nullable(String)",
    "table": "Nullable(String)",
    "db": "Nullable(String)",
    "connector": "Nullable(String)",
    "file": "Nullable(String)",
    "pos": "UInt64",
    "row": "UInt32",
}
_ROW = "Map(String, Nullable(String))"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as shapes and cells; `shapes` are names, `shape` says which of them each row has."""

    shapes: Sequence[tuple[str, ...]]
    shape: Places
    cells: pa.Array
    starts: Places

    def take(self, chosen: Places) -> Rows:
        """Those rows, in that order."""
        return Rows(self.shapes, self.shape[chosen], self.cells, self.starts[chosen])

    def column(self, name: str) -> pa.Array:
        """One text a row; null where the row has null, or no such value."""
        inside = np.array([names.index(name) if name in names else -1 for names in self.shapes], np.int64)
        place = inside[self.shape] if len(inside) else np.full(len(self.shape), -1)
        there = place >= 0
        if not there.any():
            return pa.nulls(len(place), pa.string())
        return self.cells.take(pa.array(self.starts + place, mask=~there))

    def replaced(self, there: NDArray[np.bool_], others: Rows) -> Rows:
        """These rows, but for those places, where the others are."""
        return Rows(
            [*self.shapes, *others.shapes],
            np.where(there, others.shape + len(self.shapes), self.shape),
            pa.concat_arrays([self.cells, others.cells]),
            np.where(there, others.starts + len(self.cells), self.starts),
        )

    def has(self, name: str) -> NDArray[np.bool_]:
        """Which rows have a value of that name, null or not."""
        having = np.array([name in names for names in self.shapes], bool)
        return having[self.shape]

    @property
    def widths(self) -> Places:
        """How many values each row has."""
        return np.array([len(names) for names in self.shapes], np.int64)[self.shape]

    def names(self) -> list[str]:
        """The names that some row has, in the order they come."""
        counts = np.bincount(self.shape, minlength=len(self.shapes)).tolist()
        used = [names for names, count in zip(self.shapes, counts, strict=True) if count]
        return list(dict.fromkeys(name for names in used for name in names))


@dataclass(frozen=True, slots=True)
class Envelopes:
    """What the envelopes say: the operation (null: it is none), the source, the row and the row before."""

    op: pa.Array
    source: pa.Table
    row: Rows
    before: Rows
    # Some value may have been left out because it did not change.
    partial: bool


def envelopes(engine: Engine, values: Sequence[bytes], said: Mapping[str, str]) -> Envelopes:
    """Take envelopes apart. What is no JSON has no operation. `said` is what is asked of the source."""
    source = ", ".join(f"{name} {kind}" for name, kind in said.items())
    shape = f"Tuple(op Nullable(String), source Tuple({source}), before {_ROW}, after {_ROW})"
    fields = ", ".join(f"x.source.{name} as {name}" for name in said)
    taken = f"select assumeNotNull(value) as value, JSONExtract(value, '{shape}') as x from {{rows}}"
    answer = engine.select(
        f"select x.op as op, {fields}, position(value, '{UNCHANGED}') > 0 as partial,"
        f" {_parts('x.after')}, {_parts('x.before', 'before_')} from ({taken})",
        as_input(values),
    )
    op, after, before = _whole(answer.column("op")), _rows(answer, ""), _rows(answer, "before_")
    left = pc.fill_null(pc.equal(op, "d"), False).to_numpy(zero_copy_only=False)
    return Envelopes(
        op=op,
        source=answer.select(list(said)).combine_chunks(),
        row=after.replaced(left, before) if left.any() else after,
        before=before,
        partial=bool(pc.max(answer.column("partial")).as_py()),
    )


def objects(engine: Engine, values: Sequence[bytes]) -> Rows:
    """Take plain objects apart. What is no object has no values."""
    answer = engine.select(
        f"select {_parts('x')} from (select JSONExtract(assumeNotNull(value), '{_ROW}') as x from {{rows}})",
        as_input(values),
    )
    return _rows(answer, "")


def as_input(values: Sequence[bytes]) -> pa.Table:
    """The messages end to end; five times as fast as having Arrow look at each."""
    ends = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)), dtype=np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), ends])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.table({"value": pa.Array.from_buffers(pa.large_binary(), len(values), buffers)})


def _parts(expression: str, prefix: str = "") -> str:
    return (
        f"arrayStringConcat(mapKeys({expression}), '\\x1f') as {prefix}shape, mapValues({expression}) as {prefix}cells"
    )


def _rows(answer: pa.Table, prefix: str) -> Rows:
    encoded = pc.dictionary_encode(_whole(answer.column(f"{prefix}shape")))
    shapes = [tuple(text.split(SEPARATOR)) if text else () for text in encoded.dictionary.to_pylist()]
    cells = _whole(answer.column(f"{prefix}cells"))
    return Rows(
        shapes,
        encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        cells.values,
        cells.offsets.to_numpy()[:-1].astype(np.int64),
    )


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)
