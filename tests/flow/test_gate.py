"""The gate: whoever holds it finds the pump between two batches, and can move it to one place of the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.destinations.rows import Row, batch, changes, copied
from tests.flow.histories import EVENTS, LINES
from tillstream.change import Batch, Changes, Position, TabSeparated
from tillstream.flow.gate import Gate, split_before


def log_batch(first: int, last: int) -> Batch:
    """A row of each of two tables at every place from first to last."""
    events = [Row(lsn, "I", {"name": str(lsn)}, 1) for lsn in range(first, last + 1)]
    lines = [Row(lsn, "I", {"order_id": str(lsn), "number": "1"}, 3) for lsn in range(first, last + 1)]
    return batch(changes(EVENTS, *events), changes(LINES, *lines), after=first - 1)


def heartbeat(after: int, lsn: int) -> Batch:
    return Batch(Position(after), Position(lsn), ())


def places(piece: Batch | None) -> list[int]:
    found: list[int] = []
    for each in piece.changes if piece else ():
        assert not isinstance(each.rows, TabSeparated)
        found += each.rows.column("_till_lsn").to_pylist()
    return sorted(found)


@contextmanager
def taking(gate: Gate, batches: list[Batch], take: Callable[[Batch], None]) -> Iterator[threading.Thread]:
    """A pump that takes these batches through the gate."""

    def work() -> None:
        for each in batches:
            for piece in gate.pieces(each):
                take(piece)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        gate.close()
        thread.join(10)
        assert not thread.is_alive()


def test_an_open_gate_lets_batches_through_as_they_are() -> None:
    whole = log_batch(1, 5)
    assert list(Gate().pieces(whole)) == [whole]


def test_nothing_moves_while_it_is_held() -> None:
    gate, taken = Gate(), list[Batch]()
    with gate.hold(), taking(gate, [log_batch(1, 3)], taken.append) as pump:
        pump.join(0.2)
        assert pump.is_alive()
        assert taken == []
    assert len(taken) == 1


def test_the_holder_waits_for_the_batch_in_hand() -> None:
    gate, entered, leave = Gate(), threading.Event(), threading.Event()

    def take(piece: Batch) -> None:
        entered.set()
        leave.wait(10)

    with taking(gate, [log_batch(1, 1)], take):
        assert entered.wait(10)
        with pytest.raises(TimeoutError, match="did not finish its batch in time"), gate.hold(0.1):
            pass
        leave.set()
        with gate.hold(10):
            pass


def test_the_pump_is_moved_to_one_place_and_no_further() -> None:
    gate, taken = Gate(), list[Batch]()
    batches = [log_batch(1, 4), log_batch(5, 9), log_batch(10, 12)]
    with gate.hold(), taking(gate, batches, taken.append):
        gate.advance_before(7, 10)
        assert sorted(lsn for piece in taken for lsn in set(places(piece))) == [1, 2, 3, 4, 5, 6]
        gate.advance_before(11, 10)
        assert max(places(taken[-1])) == 10
        afters = [piece.after.lsn for piece in taken if piece.after]
        assert afters == sorted(afters)
    assert sorted(lsn for piece in taken for lsn in set(places(piece))) == list(range(1, 13))


def test_a_place_without_changes_is_reached_by_the_heartbeat() -> None:
    gate, taken = Gate(), list[Batch]()
    with gate.hold(), taking(gate, [heartbeat(0, 3), heartbeat(3, 8)], taken.append):
        gate.advance_before(5, 10)
        assert [piece.position.lsn for piece in taken] == [3]


def test_a_place_that_is_not_reached_is_an_error() -> None:
    gate, taken = Gate(), list[Batch]()
    reaching = pytest.raises(TimeoutError, match="did not reach position 5")
    with gate.hold(), taking(gate, [log_batch(1, 2)], taken.append), reaching:
        gate.advance_before(5, 0.1)


class Mixed:
    """A cut in a log whose changes are not in the order of their positions: it ends where the log does by then."""

    def __init__(self, lsn: int, end: int) -> None:
        self.lsn, self.end = lsn, end

    def part(self, batch: Batch) -> tuple[Batch | None, Batch | None]:
        sides: tuple[list[Changes], list[Changes]] = ([], [])
        for each in batch.changes:
            assert not isinstance(each.rows, TabSeparated)
            before = pc.less(each.rows.column("_till_lsn"), self.lsn)
            for side, mask in zip(sides, (before, pc.invert(before)), strict=True):
                side.append(Changes(each.table, each.rows.filter(mask)))
        heads, tails = ([each for each in side if each.row_count] for side in sides)
        head = replace(batch, changes=tuple(heads)) if heads else None
        return head, replace(batch, changes=tuple(tails)) if tails else None

    def reached(self, batch: Batch) -> bool:
        return batch.position.lsn >= self.end

    def __str__(self) -> str:
        return "a mixed place"


def mixed(after: int, *lsns: int) -> Batch:
    rows = changes(EVENTS, *(Row(lsn, "I", {"name": str(lsn)}, 1) for lsn in lsns))
    return Batch(Position(after), Position(after + len(lsns)), (rows,))


def test_what_is_behind_the_limit_waits_for_what_is_before_it_and_comes_later() -> None:
    gate, taken = Gate(), list[Batch]()
    batches = [mixed(0, 1, 5, 9), mixed(3, 2, 3, 7), mixed(6, 8, 10)]
    with gate.hold(), taking(gate, batches, taken.append):
        gate.advance(Mixed(4, 6), 10)
        assert [places(piece) for piece in taken] == [[1], [2, 3]]
    assert sorted(lsn for piece in taken for lsn in places(piece)) == [1, 2, 3, 5, 7, 8, 9, 10]
    assert places(taken[2]) == [5, 7, 9]


def test_what_was_kept_back_is_forgotten_when_reading_begins_anew() -> None:
    gate, taken = Gate(), list[Batch]()
    with gate.hold(), taking(gate, [mixed(0, 1, 5)], taken.append) as pump:
        with pytest.raises(TimeoutError, match="did not reach a mixed place"):
            gate.advance(Mixed(4, 6), 0.5)
        pump.join(10)
    gate.begin()
    assert [places(piece) for piece in gate.pieces(mixed(1, 5, 6))] == [[5, 6]]


def test_two_may_hold_it() -> None:
    gate, taken = Gate(), list[Batch]()
    with gate.hold(), taking(gate, [log_batch(1, 1)], taken.append) as pump:
        with gate.hold():
            pass
        pump.join(0.2)
        assert taken == []


def test_a_closed_gate_stops_nobody() -> None:
    gate = Gate()
    with gate.hold():
        gate.close()
        assert len(list(gate.pieces(log_batch(1, 2)))) == 1


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(0, 8), st.integers(0, 12))
def test_a_cut_loses_nothing_and_keeps_the_chain(first: int, more: int, lsn: int) -> None:
    whole = log_batch(first, first + more)
    head, tail = split_before(whole, lsn)
    assert places(head) == [place for place in places(whole) if place < lsn]
    assert places(tail) == [place for place in places(whole) if place >= lsn]
    if head and tail:
        assert head.after == whole.after
        assert tail.after == head.position
        assert tail.position == whole.position
        assert head.position < tail.position
        assert head.transaction_count + tail.transaction_count == whole.transaction_count


def test_a_snapshots_piece_is_never_cut() -> None:
    piece = batch(copied(EVENTS, b"a\t1\n", 9), lsn=0)
    assert split_before(piece, 5) == (piece, None)
