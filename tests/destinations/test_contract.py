"""What every destination and every ledger promise, in memory or not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.destinations.conftest import World
from tests.destinations.rows import NOON, Row, Texts, batch, changes, copied
from tests.flow.histories import EVENTS, LINES, ORDERS
from tillstream.change import Position
from tillstream.ledger import Entry, Landing


def shown(world: World, name: str, *columns: str) -> list[tuple[str | None, ...]]:
    return sorted((tuple(row[column] for column in columns) for row in world.mirrors.rows(name)), key=str)


def order(identity: str, note: str = "n") -> Texts:
    return {"id": identity, "total": "1.50", "note": note, "tags": "{}"}


def test_rows_are_shown_as_they_are_last(world: World) -> None:
    piece = changes(
        ORDERS,
        Row(10, "I", order("1")),
        Row(11, "U", order("1", "b")),
        Row(12, "I", order("2")),
        Row(13, "D", {"id": "2"}, 0),
    )
    world.destination.write(1, batch(piece), "token")
    assert shown(world, "orders", "id", "total", "note") == [("1", "1.50", "b")]
    assert world.destination.arrived(1) == {"orders": 4}


def test_an_older_row_that_comes_later_changes_nothing(world: World) -> None:
    world.destination.write(1, batch(changes(ORDERS, Row(20, "I", order("1", "new")))), "one")
    world.destination.write(2, batch(copied(ORDERS, b"1\t1.50\told\t{}\n", 10)), "two")
    assert shown(world, "orders", "note") == [("new",)]


def test_the_same_token_again_adds_nothing(world: World) -> None:
    piece = batch(
        changes(EVENTS, Row(10, "I", {"name": "a", "amount": "1"})),
        changes(LINES, Row(10, "I", {"order_id": "1", "number": "1"}, 3)),
    )
    for _ in range(2):
        world.destination.write(1, piece, "token")
    assert world.destination.arrived(1) == {"events": 1, "lines": 1}
    assert shown(world, "events", "name", "amount") == [("a", "1")]


def test_what_was_discarded_can_be_written_again(world: World) -> None:
    piece = batch(copied(EVENTS, b"a\t1\nb\t2\n", 9))
    world.destination.write(1, piece, "one")
    world.destination.discard(1, "events")
    assert world.destination.arrived(1) == {}
    assert shown(world, "events", "name") == []
    world.destination.write(1, piece, "two")
    assert shown(world, "events", "name") == [("a",), ("b",)]


def test_discarding_what_never_came_is_harmless(world: World) -> None:
    world.destination.discard(1, "nothing")
    world.destination.ensure(EVENTS)
    world.destination.discard(1, "events")
    assert world.destination.arrived(1) == {}


def test_replaying_changes_nothing(world: World) -> None:
    piece = changes(ORDERS, Row(10, "I", order("1")), Row(11, "T", {}), Row(12, "I", order("2")))
    world.destination.write(1, batch(piece), "one")
    for _ in range(2):
        world.destination.replay(1, ["orders"])
    assert shown(world, "orders", "id") == [("2",)]


def test_left_out_values_are_kept(world: World) -> None:
    world.destination.write(1, batch(changes(ORDERS, Row(10, "I", order("1", "big")))), "one")
    update = Row(11, "U", {"id": "1", "total": "2.00"}, 1, ("note", "tags"))
    moved = Row(12, "U", {"id": "7", "total": "3.00"}, 1, ("note", "tags"))
    world.destination.write(2, batch(changes(ORDERS, update, Row(12, "D", {"id": "1"}, 0), moved)), "two")
    assert shown(world, "orders", "id", "total", "note") == [("7", "3.00", "big")]


def entry(number: int, attempt: int = 1, stream: str = "store") -> Entry:
    return Entry(
        stream,
        number,
        Position(number - 1, 3, "before"),
        Position(number, 4, "after"),
        {"orders": 3},
        "digest",
        attempt,
    )


def landing(of: Entry) -> Landing:
    return Landing(of.stream, of.number, of.position, of.row_counts, 2, NOON, NOON, NOON + timedelta(seconds=1))


def test_an_empty_ledger_knows_nothing(world: World) -> None:
    assert world.ledger.last_done("store") is None
    assert world.ledger.pending("store") is None
    assert world.ledger.last_number("store") == 0


def test_a_batch_is_pending_until_it_is_done(world: World) -> None:
    first = entry(1)
    world.ledger.intend(first)
    assert world.ledger.pending("store") == first
    world.ledger.staged(first)
    pending = world.ledger.pending("store")
    assert pending is not None
    assert pending.is_staged
    assert world.ledger.last_done("store") is None
    world.ledger.done(first, landing(first))
    assert world.ledger.pending("store") is None
    done = world.ledger.last_done("store")
    assert done is not None
    assert (done.number, done.position, done.position.state, done.row_counts) == (
        1,
        first.position,
        "after",
        {"orders": 3},
    )


def test_a_second_attempt_is_pending_with_its_own_token(world: World) -> None:
    world.ledger.intend(entry(1))
    world.ledger.intend(entry(1, attempt=2))
    pending = world.ledger.pending("store")
    assert pending is not None
    assert pending.attempt == 2
    assert pending.token != entry(1).token


def test_an_abandoned_batch_is_not_pending_and_its_number_is_spent(world: World) -> None:
    world.ledger.intend(entry(1))
    world.ledger.done(entry(1), landing(entry(1)))
    world.ledger.intend(entry(2))
    world.ledger.abandon(entry(2))
    assert world.ledger.pending("store") is None
    done = world.ledger.last_done("store")
    assert done is not None
    assert done.number == 1
    assert world.ledger.last_number("store") == 2


def test_streams_do_not_see_each_other(world: World) -> None:
    world.ledger.intend(entry(5, stream="other"))
    world.ledger.intend(entry(2))
    assert world.ledger.last_number("store") == 2
    pending = world.ledger.pending("other")
    assert pending is not None
    assert pending.number == 5
    assert world.ledger.pending("third") is None


@pytest.mark.parametrize("text", ["it's", "back\\slash", "ä€", ""])
def test_a_positions_state_comes_back_as_it_was(world: World, text: str) -> None:
    given = Entry("store", 1, None, Position(0, 0, text), {}, "d")
    world.ledger.intend(given)
    pending = world.ledger.pending("store")
    assert pending is not None
    assert (pending.after, pending.position.state) == (None, text)
