"""Instrument c: from a commit in the store until a query of a live rollup shows it, at a steady rate of changes.

Beside the load, ten orders a second are placed each in a minute of its own, far in the past. A query that
runs all the time looks for those minutes in `live.sales_by_minute`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from benchmarks.pipeline import flowing, opened, until
from benchmarks.store import Mix, mix_of
from tillstream.destinations.clickhouse.client import Warehouse

PROBES_A_SECOND = 10
FIRST_MINUTE = datetime(2001, 1, 1, tzinfo=UTC)
_PROBE = """
    with placed as (
        insert into orders (
            number, customer_id, shipping_address_id, payment_method_id, shipping_method_id, currency,
            items_amount, discount_amount, tax_amount, shipping_amount, total_amount, placed_at
        )
        select %(number)s, a.customer_id, a.id, 1, 1, 'USD', 20, 0, 2, 5, 27, %(placed_at)s
        from addresses a order by a.id limit 1
        returning id
    )
    insert into order_lines (
        order_id, line_number, product_id, variant_id, quantity, unit_price,
        gross_amount, discount_amount, tax_amount, total_amount
    )
    select placed.id, 1, v.product_id, v.id, 2, 10, 20, 0, 2, 22 from placed, variants v where v.id = 1
"""


class Probes:
    """Orders in minutes of their own: when each was committed, and when it was first seen."""

    def __init__(self, warehouse: Warehouse, round_number: int) -> None:
        self._warehouse = warehouse
        self._first = FIRST_MINUTE + timedelta(days=30 * round_number)
        self._waiting: dict[str, float] = {}
        self._lock = threading.Lock()
        self.seconds: list[float] = []

    def place(self, connection: psycopg.Connection, number: int) -> None:
        """Commit one; from the return of the commit on it is waited for."""
        minute = self._first + timedelta(minutes=number)
        connection.execute(_PROBE, {"number": f"P{minute:%Y%m%d%H%M}", "placed_at": minute})
        with self._lock:
            self._waiting[f"{minute:%Y-%m-%d %H:%M:%S}"] = time.monotonic()

    def look(self) -> None:
        """Ask the rollup once for all that are waited for."""
        with self._lock:
            wanted = list(self._waiting)
        if not wanted:
            return
        minutes = ", ".join(f"'{minute}'" for minute in wanted)
        seen = self._warehouse.rows(
            f"select toString(minute) from live.sales_by_minute where minute in ({minutes}) group by minute"
        )
        now = time.monotonic()
        with self._lock:
            self.seconds += [now - self._waiting.pop(minute) for (minute,) in seen]

    @property
    def all_seen(self) -> bool:
        """Whether nothing is waited for."""
        return not self._waiting


def main() -> None:
    """`python -m benchmarks.freshness URL FOLDER RATE SECONDS FIRST-STEP ROUND`, on a folder whose pipeline is live."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    rate, seconds, first, round_number = (int(argument) for argument in sys.argv[3:7])
    assembly = opened(folder, url)
    with flowing(assembly) as stopwatch:
        until(lambda: assembly.supervisor.live, "the pipeline did not become live")
        warehouse = Warehouse(f"chdb://{folder.resolve() / 'warehouse'}")
        probes = Probes(warehouse, round_number)
        ended = threading.Event()
        load = threading.Thread(target=keep_changing, args=(mix_of(url), first, rate, ended))
        placing = threading.Thread(target=keep_placing, args=(url, probes, ended))
        load.start()
        placing.start()
        finish = time.monotonic() + seconds
        while time.monotonic() < finish or not probes.all_seen:
            probes.look()
            time.sleep(0.002)
            if time.monotonic() > finish:
                ended.set()
        load.join()
        placing.join()
        rows = stopwatch.row_count
    found = np.percentile(np.array(probes.seconds[PROBES_A_SECOND:]) * 1000, [50, 95, 99, 100])
    names = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    values = dict(zip(names, found.tolist(), strict=True))
    print(json.dumps({"changes_per_second": rows / seconds, "probes": len(probes.seconds), **values}))


def keep_changing(mix: Mix, first: int, rate: int, ended: threading.Event) -> None:
    """Make the mix at that many changes a second, a hundred in a transaction."""
    with psycopg.connect(mix.url, autocommit=True) as connection:
        begun = time.monotonic()
        for step in range(mix.step_count - first):
            body = mix.statement(str(first + step))
            if ended.wait(max(0.0, begun + step * 100 / rate - time.monotonic())):
                return
            with connection.transaction():
                connection.execute(body)


def keep_placing(url: str, probes: Probes, ended: threading.Event) -> None:
    """Place a probe every tenth of a second."""
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(10**6):
            probes.place(connection, number)
            if ended.wait(1 / PROBES_A_SECOND):
                return


if __name__ == "__main__":
    main()
