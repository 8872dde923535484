"""The load as a process of its own, so that its work is not the pipeline's: the mix at a steady rate, and probes.

A probe is an order in a minute of its own, far in the past, ten a second; whoever sees its minute in a rollup
has seen its commit. The process ends when its standard input does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from benchmarks.measure import ROOT
from benchmarks.store import CHANGES_A_STEP, mix_of

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


@dataclass(frozen=True, slots=True)
class Load:
    """Changes a second, the first step of the mix, and the month whose minutes the probes take."""

    rate: int
    first_step: int
    probe_month: int | None = None


def first_minute(month: int) -> datetime:
    """Where the probes of that month begin."""
    return FIRST_MINUTE + timedelta(days=30 * month)


@contextmanager
def changing(url: str, load: Load) -> Iterator[None]:
    """The store changes as long as the block, from its first moment on."""
    month = "" if load.probe_month is None else str(load.probe_month)
    command = [sys.executable, "-m", "benchmarks.load", url, str(load.rate), str(load.first_step), month]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline(), "the load did not begin"
        yield
        assert process.poll() is None, "the load ended by itself"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(60)


def main() -> None:
    """`python -m benchmarks.load URL RATE FIRST-STEP [PROBE-MONTH]`."""
    url, rate, first_step, month = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    ended = threading.Event()
    work = [threading.Thread(target=keep_changing, args=(url, rate, first_step, ended))]
    if month:
        work.append(threading.Thread(target=keep_placing, args=(url, first_minute(int(month)), ended)))
    for thread in work:
        thread.start()
    print("begun", flush=True)
    sys.stdin.buffer.read()
    ended.set()
    for thread in work:
        thread.join()


def keep_changing(url: str, rate: int, first_step: int, ended: threading.Event) -> None:
    """Make the mix at that many changes a second, a step in a transaction."""
    mix = mix_of(url)
    with psycopg.connect(url, autocommit=True) as connection:
        begun = time.monotonic()
        for step in range(mix.step_count - first_step):
            body = mix.statement(str(first_step + step))
            if ended.wait(max(0.0, begun + step * CHANGES_A_STEP / rate - time.monotonic())):
                return
            with connection.transaction():
                connection.execute(body)
    # Whoever measures must not take what comes now for the load.
    sys.stderr.write("no steps of the mix are left\n")
    os._exit(1)


def keep_placing(url: str, first: datetime, ended: threading.Event) -> None:
    """Place a probe every tenth of a second."""
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(30 * 24 * 60):
            minute = first + timedelta(minutes=number)
            connection.execute(_PROBE, {"number": f"P{minute:%Y%m%d%H%M}", "placed_at": minute})
            if ended.wait(1 / PROBES_A_SECOND):
                return


if __name__ == "__main__":
    main()
