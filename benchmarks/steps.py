"""Instrument g: where a batch's time goes, statement by statement.

The product's own pump brings in one transaction of a hundred changes after the other, in this thread, and one statement
at a time, so that the processor's time can be told apart. In a running pipeline two statements run at once.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Values
from benchmarks.pipeline import opened
from benchmarks.store import mix_of
from tillstream.change import Batch
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.flow.pump import Pump

WARM_UP = 10
# What a statement is for, by what its text begins with; `\1` stands for the group in it.
KINDS = {
    r"insert into till\.ledger": "ledger",
    r"insert into bronze": "bronze, mirror",
    r"insert into mirror\.links": "links",
    r"select link": "touched roots",
    r"insert into till\.delta_(\w+)": r"staging \1",
    r"insert into facts\.(\w+)": r"publishing \1",
}


class Profile:
    """Wall and CPU seconds by what they went into."""

    def __init__(self) -> None:
        self.wall: defaultdict[str, float] = defaultdict(float)
        self.cpu: defaultdict[str, float] = defaultdict(float)

    def timed(self, kind: str, work: Callable[[], Any]) -> Any:
        """Do it, and note what it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            return work()
        finally:
            self.wall[kind] += time.perf_counter() - wall
            self.cpu[kind] += time.process_time() - cpu

    def watch(self, warehouse: Warehouse) -> None:
        """Note every statement of a warehouse from now on."""
        for name in ("execute", "rows", "insert_arrow"):
            setattr(warehouse, name, partial(self._call, name, getattr(warehouse, name)))

    def _call(self, name: str, call: Callable[..., Any], text: str, *arguments: Any, **more: Any) -> Any:
        statement = f"insert into {text}" if name == "insert_arrow" else text
        return self.timed(kind_of(statement), partial(call, text, *arguments, **more))


class OneAtATime(Executor):
    """Does what is submitted at once, before anything else."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **more: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*arguments, **more))
        return done


def kind_of(statement: str) -> str:
    """What a statement is for."""
    for pattern, kind in KINDS.items():
        if found := re.match(pattern, statement):
            return found.expand(kind)
    return "other statements"


def main() -> None:
    """`python -m benchmarks.steps URL FOLDER FIRST-STEP COUNT`, on a folder whose pipeline is live."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(measure(folder, url, int(sys.argv[3]), int(sys.argv[4]))))


def measure(folder: Path, url: str, first: int, count: int) -> Values:
    """Milliseconds a batch, by kind of statement, and those of all of it."""
    assembly = opened(folder, url)
    pump, profile, stop = assembly.supervisor.pump, Profile(), threading.Event()
    pump.layer._hands = pump.destination._hands = OneAtATime()  # type: ignore[attr-defined]
    make, steps = partial(mix_of(url).make, count=1), range(first, first + count)
    for place, batch in enumerate(each_alone(pump, stop, make, steps)):
        if place == WARM_UP:
            profile = Profile()
            profile.watch(pump.layer.warehouse)  # type: ignore[attr-defined]
        profile.timed("all", partial(pump.move, batch))
    stop.set()
    assembly.supervisor.stop()
    return shares(profile, count - WARM_UP)


def each_alone(pump: Pump, stop: threading.Event, make: Callable[[int], object], steps: range) -> Iterator[Batch]:
    """The batch of each step, which is made when the one before is done."""
    waiting, under_way = deque(steps), False
    for batch in pump.batches(stop):
        if batch.changes:
            under_way = False
            yield batch
        else:
            pump.move(batch)
        if not under_way and not waiting:
            return
        if not under_way:
            make(waiting.popleft())
            under_way = True


def shares(profile: Profile, batches: int) -> Values:
    """The means of a batch, the dearest first; what is no statement is our own work."""
    for times in (profile.wall, profile.cpu):
        times["our own work"] = 2 * times["all"] - sum(times.values())
    values: dict[str, float] = {}
    for kind in sorted(profile.cpu, key=lambda kind: -profile.cpu[kind]):
        values[f"{kind}: wall_ms"] = profile.wall[kind] / batches * 1000
        values[f"{kind}: cpu_ms"] = profile.cpu[kind] / batches * 1000
    return values


if __name__ == "__main__":
    main()
