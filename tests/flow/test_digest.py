"""A batch's fingerprint depends on its rows, and not on how they were cut or stored."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.destinations.rows import Row, batch, changes, copied
from tests.flow.histories import EVENTS, LINES, WIDER
from tillstream.change import Changes
from tillstream.ledger import digest

FIRST = Row(10, "I", {"name": "a", "amount": "1"})
SECOND = Row(10, "I", {"name": "bc", "amount": None}, 3)
THIRD = Row(11, "I", {"name": None, "amount": "2"})
LINE = Row(11, "I", {"order_id": "1", "number": "1"}, 3)
WHOLE = batch(changes(EVENTS, FIRST, SECOND, THIRD), changes(LINES, LINE))


def test_the_order_of_tables_and_the_cut_of_rows_do_not_matter() -> None:
    pieces = (changes(LINES, LINE), changes(EVENTS, FIRST), changes(EVENTS, SECOND, THIRD))
    assert digest(batch(*pieces)) == digest(WHOLE)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view()])
def test_the_kind_of_text_does_not_matter(kind: pa.DataType) -> None:
    rows = WHOLE.changes[0].rows
    assert isinstance(rows, pa.Table)
    for name in ("name", "amount"):
        rows = rows.set_column(rows.column_names.index(name), name, rows.column(name).cast(kind))
    assert digest(batch(Changes(EVENTS, rows), WHOLE.changes[1])) == digest(WHOLE)


@pytest.mark.parametrize(
    "other",
    [
        batch(changes(EVENTS, FIRST, SECOND), changes(LINES, LINE)),
        batch(changes(EVENTS, FIRST, SECOND, THIRD)),
        batch(changes(EVENTS, FIRST, SECOND, Row(12, "I", THIRD.texts)), changes(LINES, LINE)),
        batch(changes(EVENTS, FIRST, SECOND, Row(11, "I", {"name": "", "amount": "2"})), changes(LINES, LINE)),
        batch(changes(WIDER, FIRST, SECOND, Row(11, "I", {**THIRD.texts, "reason": "x"})), changes(LINES, LINE)),
    ],
)
def test_other_rows_have_another_fingerprint(other: object) -> None:
    assert digest(other) != digest(WHOLE)  # type: ignore[arg-type]  # parametrize gives objects


def test_a_snapshots_piece_is_known_by_its_bytes() -> None:
    assert digest(batch(copied(EVENTS, b"a\t1\n", 9))) == digest(batch(copied(EVENTS, b"a\t1\n", 10)))
    assert digest(batch(copied(EVENTS, b"a\t1\n", 9))) != digest(batch(copied(EVENTS, b"a\t2\n", 9)))
