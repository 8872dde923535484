"""Instrument e: memory of a running pipeline: idle, under a steady load with the page open, and in big transactions."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import psycopg

from benchmarks.load import Load, changing
from benchmarks.plan import PLANS
from benchmarks.process import forget_peak, memory_of, peak_of
from benchmarks.product import Product, product, wait_for
from benchmarks.store import CHANGES_A_STEP, Mix, mix_of


def main() -> None:
    """`python -m benchmarks.memory URL FOLDER PLAN FIRST-STEP`, on a live folder."""
    url, folder, plan, step = sys.argv[1], Path(sys.argv[2]), PLANS[sys.argv[3]], int(sys.argv[4])
    with product(url, folder) as running:
        time.sleep(plan.seconds / 4)
        values: dict[str, float] = {"idle_memory": memory_of(running.pid)}
        forget_peak(running.pid)
        with running.viewer(), changing(url, Load(plan.load_rate, step)):
            time.sleep(plan.seconds)
        values["load_peak_memory"] = peak_of(running.pid)
        step += plan.load_rate * (plan.seconds + 5) // CHANGES_A_STEP
        mix = mix_of(url)
        for changes in plan.transactions:
            values[f"transaction_of_{changes}_memory"] = peak_during(running, mix, step, changes)
            step += changes // CHANGES_A_STEP
        values["afterwards_memory"] = memory_of(running.pid)
    small, large = (values[f"transaction_of_{changes}_memory"] for changes in plan.transactions)
    print(json.dumps({**values, "transaction_growth": large / small}))


def peak_during(running: Product, mix: Mix, step: int, changes: int) -> float:
    """The most memory while one transaction of that many changes arrives."""
    landed = running.status()["numbers"]["changes"]
    forget_peak(running.pid)
    steps = f"for step in {step}..{step + changes // CHANGES_A_STEP - 1} loop {mix.statement('step')} end loop;"
    with psycopg.connect(mix.url) as connection:
        connection.execute(f"do $$ begin {steps} end $$")
    wait_for(lambda: running.status()["numbers"]["changes"] >= landed + changes, "the transaction did not land")
    return peak_of(running.pid)


if __name__ == "__main__":
    main()
