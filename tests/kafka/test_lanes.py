"""Lanes are shared by processes, and never have two owners."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.services.kafka import Kafka
from tillstream.errors import LaneLost
from tillstream.kafka.connection import KafkaSettings
from tillstream.kafka.lanes import SILENCE, Lanes, Lease

COUNT = 4
PATIENCE = 60.0


@dataclass
class Field:
    """Four lanes, and who works on them; two at once on one lane is noted."""

    settings: KafkaSettings
    busy: dict[int, threading.Lock] = field(default_factory=lambda: {lane: threading.Lock() for lane in range(COUNT)})
    clashes: list[int] = field(default_factory=list)

    def work(self, lane: int, lease: Lease) -> None:
        if not self.busy[lane].acquire(blocking=False):
            self.clashes.append(lane)
            return
        try:
            while not lease.is_set():
                time.sleep(0.01)
        finally:
            self.busy[lane].release()

    @contextmanager
    def member(self) -> Iterator[Lanes]:
        """A process that shares the lanes as long as the block."""
        lanes, stop = Lanes(self.settings, "loaders", COUNT, self.work), threading.Event()
        thread = threading.Thread(target=lanes.run, args=(stop,))
        thread.start()
        try:
            yield lanes
        finally:
            stop.set()
            thread.join(PATIENCE)


@pytest.fixture
def meadow(kafka: Kafka) -> Field:
    return Field(KafkaSettings(kafka.bootstrap, kafka.prefix))


def until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not claim():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def test_two_processes_share_the_lanes_and_one_takes_over(meadow: Field) -> None:
    with meadow.member() as first:
        until(lambda: first.owned == [0, 1, 2, 3])
        with meadow.member() as second:
            until(lambda: len(first.owned) == len(second.owned) == 2)
            assert sorted(first.owned + second.owned) == [0, 1, 2, 3]
        until(lambda: first.owned == [0, 1, 2, 3])
        assert first.rebalance_count >= 3
    assert first.owned == []
    assert meadow.clashes == []


def test_what_ends_the_work_of_a_lane_ends_the_process(meadow: Field) -> None:
    def fail(_lane: int, _lease: Lease) -> None:
        raise ValueError("no such table")

    with pytest.raises(ValueError, match="no such table"):
        Lanes(meadow.settings, "loaders", COUNT, fail).run(threading.Event())


def test_a_process_that_was_asleep_does_not_go_on() -> None:
    heard_at = time.monotonic()
    lease = Lease(lambda: heard_at)
    lease.check()

    heard_at -= SILENCE

    assert lease.is_set()
    with pytest.raises(LaneLost) as raised:
        lease.check()
    assert str(raised.value) == (
        "this process was silent for so long that another may have been given its lane\n"
        "  detail: It ends what was begun, from what the ledger says.\n"
        "  hint:   Was the machine asleep, or short of processors?"
    )
