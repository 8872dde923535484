"""Instrument c: from a commit in the store until a query of a live rollup has shown it, at a steady rate of changes.

Beside the load, ten orders a second are placed each in a minute of its own. Woken by each landing, a query looks into
`live.sales_by_minute` for minutes it has not seen yet. The clock starts at the store's own time of commit and stops
when the query has returned, so a landing that shows nothing counts for nothing.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from benchmarks.load import PROBES_A_SECOND, Load, changing, first_minute
from benchmarks.measure import Values
from benchmarks.pipeline import flowing, opened, until
from benchmarks.process import peak_of
from tillstream.assembly.whole import Assembly
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.ledger import Landing

# Asking all the time would take the processor from the pipeline that is measured.
LONGEST_PAUSE = 0.25
# What is placed while the load gets under way is not counted.
WARM_UP = PROBES_A_SECOND


class Probes:
    """The minutes of one month: when each was first seen."""

    def __init__(self, warehouse: Warehouse, month: int) -> None:
        self._warehouse = warehouse
        self._first, self._end = first_minute(month), first_minute(month + 1)
        self._next = self._first
        self._landed = threading.Event()
        self.seen: dict[datetime, float] = {}
        # How long the questions themselves took.
        self.took: list[float] = []

    def landed(self, _landing: Landing) -> None:
        """To be called with every landing."""
        self._landed.set()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look all through the block, in a thread."""
        ended = threading.Event()

        def work() -> None:
            while not ended.is_set():
                self.look()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def look(self) -> None:
        """Wait for a landing, not for long, and ask the rollup once for all that was not seen."""
        self._landed.wait(LONGEST_PAUSE)
        self._landed.clear()
        begun = time.perf_counter()
        rows = self._warehouse.rows(
            "select minute from live.sales_by_minute"
            f" where minute >= toDateTime('{self._next:%Y-%m-%d %H:%M:%S}', 'UTC')"
            f" and minute < toDateTime('{self._end:%Y-%m-%d %H:%M:%S}', 'UTC') group by minute"
        )
        now = time.time()
        self.took.append(time.perf_counter() - begun)
        for (minute,) in rows:
            # They are placed one after the other, so what is missing comes later.
            self._next = max(self._next, _in_utc(minute) + timedelta(minutes=1))
            self.seen[_in_utc(minute)] = now

    def committed(self) -> dict[datetime, float]:
        """When each probe was committed, by the store's clock, as far as it has landed in the mirror."""
        rows = self._warehouse.rows(
            "select placed_at, _committed_at from mirror.orders final"
            f" where placed_at >= '{self._first:%Y-%m-%d %H:%M:%S}' and placed_at < '{self._end:%Y-%m-%d %H:%M:%S}'"
        )
        return {_in_utc(placed): _in_utc(committed).timestamp() for placed, committed in rows}


def main() -> None:
    """`python -m benchmarks.freshness URL FOLDER RATE SECONDS FIRST-STEP MONTH`, on a folder whose pipeline is live."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    rate, seconds, first_step, month = (int(argument) for argument in sys.argv[3:7])
    print(json.dumps(measure(opened(folder, url), url, Load(rate, first_step, month), seconds)))


def measure(assembly: Assembly, url: str, load: Load, seconds: int) -> Values:
    """How old the probes were when a pipeline showed them, while the store at `url` changed for so many seconds."""
    month = load.probe_month
    assert month is not None
    with flowing(assembly) as stopwatch:
        until(lambda: assembly.supervisor.live, "the pipeline did not become live")
        probes = Probes(Warehouse(f"chdb://{assembly.supervisor.folder.resolve() / 'warehouse'}"), month)
        assembly.supervisor.listeners.append(probes.landed)
        with probes.looking():
            with changing(url, load):
                rows, cpu, begun = stopwatch.row_count, time.process_time(), time.monotonic()
                time.sleep(seconds + WARM_UP / PROBES_A_SECOND)
                rows, cpu = stopwatch.row_count - rows, time.process_time() - cpu
                took = time.monotonic() - begun
            placed = count_placed(url, month)
            until(lambda: len(probes.seen) == placed, "a probe was not seen")
        committed = probes.committed()
    ages = [probes.seen[minute] - at for minute, at in sorted(committed.items())]
    ages = ages[min(WARM_UP, len(ages) // 2) :]
    found = np.percentile(np.array(ages) * 1000, [50, 95, 99, 100])
    return {
        "changes_per_second": rows / took,
        "probes": len(ages),
        **dict(zip(("p50_ms", "p95_ms", "p99_ms", "max_ms"), found.tolist(), strict=True)),
        "question_p50_ms": float(np.median(probes.took)) * 1000,
        "cores_used": cpu / took,
        "changes_per_cpu_second": rows / cpu,
        "peak_memory": peak_of(os.getpid()),
    }


def count_placed(url: str, month: int) -> int:
    """How many probes the store has of that month."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from orders where placed_at >= %s and placed_at < %s",
            [first_minute(month), first_minute(month + 1)],
        ).fetchone()
    assert row is not None
    return int(row[0])


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
