"""Changes as lists of keys and values, a slice at a time; what rows need more than that is told beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tillstream.change import Changes, Op, Table, TabSeparated
from tillstream.destinations.kafka.envelope import KEY, MOVED, VALUE, Origin, Traits, copied_envelopes, envelopes
from tillstream.destinations.kafka.few import few_envelopes
from tillstream.ports import Engine

Moved = NDArray[np.bool_]
# The producer sends one slice while the engine works on the next.
SLICE_ROWS = 20_000
# To plan a query costs as much as so many rows without one.
FEW_ROWS = 200
_PLAIN = frozenset({Op.SNAPSHOT.value, Op.INSERT.value, Op.UPDATE.value})


@dataclass(frozen=True, slots=True)
class Messages:
    """A slice of changes, in order. `letters` is empty where every message is one row with one key.

    `moved` are the places of rows under a new key; the row before each is the old key's delete.
    """

    keys: list[bytes | None]
    values: list[bytes]
    letters: list[str] = field(default_factory=list)
    moved: frozenset[int] = frozenset()


def messages(changes: Changes, engine: Engine, origin: Origin, now: datetime) -> Iterator[Messages]:
    """The messages of all rows."""
    table, rows = changes.table, changes.rows
    if isinstance(rows, TabSeparated):
        names = [column.name for column in table.columns]
        yield Messages(*_lists(engine.select_texts(copied_envelopes(table, origin, rows, now), names, rows.data)))
        return
    rows, moved = _with_moves(rows)
    for start, end in _cuts(moved):
        yield _of_slice(table, rows.slice(start, end - start), moved[start:end], engine, (origin, now))


def _of_slice(table: Table, rows: pa.Table, moved: Moved, engine: Engine, said: tuple[Origin, datetime]) -> Messages:
    origin, now = said
    traits = traits_of(rows)
    if rows.num_rows <= FEW_ROWS:
        keys, values = map(list, zip(*few_envelopes(table, origin, rows, now), strict=True))
    else:
        keys, values = _lists(engine.select(envelopes(table, origin, traits, now), rows))
    if traits.letters <= _PLAIN:
        return Messages(keys, values)
    places = frozenset(np.flatnonzero(moved).tolist())
    return Messages(keys, values, rows.column("_till_op").to_pylist(), places)


def traits_of(rows: pa.Table) -> Traits:
    """What has to be looked for in these rows."""
    lengths = pc.list_value_length(rows.column("_till_unchanged"))
    before = rows.column("_till_before")
    return Traits(
        frozenset(pc.unique(rows.column("_till_op")).to_pylist()),
        unchanged=bool(pc.any(pc.greater(lengths, 0)).as_py()),
        before=before.null_count < len(before),
    )


def _with_moves(rows: pa.Table) -> tuple[pa.Table, Moved]:
    """Rows that come right behind the delete of their old key get a letter of their own."""
    ops = rows.column("_till_op")
    is_delete, is_update = (pc.equal(ops, op.value).to_numpy() for op in (Op.DELETE, Op.UPDATE))
    moved = np.zeros(rows.num_rows, bool)
    if not is_delete.any() or not is_update.any():
        return rows, moved
    lsn, ordinal = (rows.column(name).to_numpy() for name in ("_till_lsn", "_till_ordinal"))
    moved[1:] = is_delete[:-1] & is_update[1:] & (lsn[:-1] == lsn[1:]) & (ordinal[:-1] + 1 == ordinal[1:])
    if not moved.any():
        return rows, moved
    letters = pc.if_else(pa.array(moved), MOVED, ops)
    return rows.set_column(rows.column_names.index("_till_op"), "_till_op", letters), moved


def _cuts(moved: Moved) -> Iterator[tuple[int, int]]:
    """Slices from start to before end, none between a row and the delete of its old key."""
    start = 0
    while start < len(moved):
        end = min(start + SLICE_ROWS, len(moved))
        if end < len(moved) and moved[end]:
            end += 1
        yield start, end
        start = end


def _lists(answer: pa.Table) -> tuple[list[bytes | None], list[bytes]]:
    keys, values = (answer.column(name).cast(pa.binary()).to_pylist() for name in (KEY, VALUE))
    return keys, values
