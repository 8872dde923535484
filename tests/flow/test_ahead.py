"""Reading ahead: everything arrives, in order, joined while nobody takes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tillstream.flow.ahead import ReadAhead


def test_every_item_arrives_in_order() -> None:
    with ReadAhead(iter(range(1000))) as items:
        assert list(items) == list(range(1000))


def test_what_waits_is_joined_up_to_the_limit() -> None:
    read = threading.Event()

    def numbers() -> Iterator[list[int]]:
        for number in range(10):
            yield [number]
        read.set()
        yield [10]

    def join(first: list[int], second: list[int]) -> list[int] | None:
        return first + second if len(first) < 100 else None

    with ReadAhead(numbers(), join) as items:
        assert read.wait(10)
        taken = list(items)

    assert [number for some in taken for number in some] == list(range(11))
    assert len(taken) <= 3


def test_an_error_comes_after_what_was_read_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with ReadAhead(failing()) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="broken"):
            next(items)


def test_leaving_early_closes_the_generator() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with ReadAhead(endless()) as items:
        assert next(items) == 1

    assert closed.is_set()


def test_what_waits_gathers_until_it_is_enough() -> None:
    go_on = threading.Event()

    def numbers() -> Iterator[list[int]]:
        yield [0]
        assert go_on.wait(10)
        for number in range(1, 11):
            yield [number]

    with ReadAhead(numbers(), lambda first, second: first + second) as items:
        assert next(items) == [0]
        go_on.set()
        items.gather(10, lambda some: len(some) == 10)
        assert next(items) == list(range(1, 11))


def test_gathering_ends_with_its_time_and_with_the_items() -> None:
    asked = threading.Event()

    def numbers() -> Iterator[int]:
        yield 0
        asked.wait(10)

    with ReadAhead(numbers()) as items:
        assert next(items) == 0
        items.gather(0.001, lambda _: False)
        asked.set()
        items.gather(10, lambda _: False)
        assert list(items) == []
