"""Instrument d: what a change costs, at several sizes of the history: to write it, and for the live step.

The product's own destination and live layer bring batches of the mix in, without a pump, on a copy of a live folder.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks.batches import Batches
from benchmarks.growth import History
from benchmarks.measure import Values
from benchmarks.pipeline import opened
from benchmarks.plan import PLANS, Plan
from tillstream.assembly.whole import Assembly
from tillstream.change import Batch
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.live.definitions import load_definitions
from tillstream.stores.profile import load_profile

SEED = 11
# Whose orders a batch changes: those of the newest year, as in a shop, or any that ever were.
AGES = {"changes of the newest year": False, "changes of any age": True}


@dataclass(slots=True)
class Cost:
    """Wall and CPU seconds of everything that was timed."""

    wall: float = 0.0
    cpu: float = 0.0

    def of(self, work: Callable[[], object]) -> None:
        """Do it and add what it took."""
        wall, cpu = time.monotonic(), time.process_time()
        work()
        self.wall += time.monotonic() - wall
        self.cpu += time.process_time() - cpu


def main() -> None:
    """`python -m benchmarks.cost URL FOLDER PLAN`, on a live folder that may be spoiled."""
    url, folder, plan = sys.argv[1], Path(sys.argv[2]), PLANS[sys.argv[3]]
    assembly = opened(folder, url)
    print(json.dumps(measure(assembly, Warehouse(f"chdb://{folder.resolve() / 'warehouse'}"), plan)))


def measure(assembly: Assembly, warehouse: Warehouse, plan: Plan) -> dict[str, list[Values]]:
    """Per size of the history the values of each run, and how the largest compares with the smallest."""
    profile = load_profile("demo")
    history = History(warehouse, profile, load_definitions(warehouse))
    tables = {table.name: table for table in assembly.pipeline.source.tables()}
    batches = Batches(warehouse, tables, history, SEED)
    number = assembly.pipeline.ledger.last_number(assembly.pipeline.source.name)
    found: dict[str, list[Values]] = {}
    for copies in plan.growth:
        for what in history.grow(copies):
            sys.stderr.write(f"\r\x1b[K  {copies} times the history: {what}" if sys.stderr.isatty() else "")
        sys.stderr.write("\r\x1b[K" if sys.stderr.isatty() else "")
        history.rest()
        history.check(copies * plan.orders)
        for turn, (age, any_age) in product(range(-1, plan.runs), AGES.items()):
            run: dict[str, float] = {}
            for size, count in plan.batches:
                made = [batches.make(size, any_age=any_age) for _ in range(count if turn >= 0 else 2)]
                run |= timed(assembly, made, number)
                number += len(made)
            # The first turn only warms up.
            if turn >= 0:
                found.setdefault(f"cost at {copies * plan.orders:,} orders, {age}", []).append(run)
    history.check(plan.orders)
    return found | {f"cost, {age}": grown([runs for name, runs in found.items() if name.endswith(age)]) for age in AGES}


def timed(assembly: Assembly, made: Sequence[Batch], number: int) -> dict[str, float]:
    """Bring these batches in, one after the other, and say what each of their changes took."""
    layer, destination = assembly.pipeline.layer, assembly.pipeline.destination
    write, live = Cost(), Cost()
    for place, batch in enumerate(made, start=number + 1):
        write.of(partial(destination.write, place, batch, f"cost:{place}"))
        live.of(partial(layer.stage, place, batch))
        live.of(partial(layer.publish, place))
    size = made[0].row_count
    costs = {"live_cpu": live.cpu, "live_wall": live.wall, "write_cpu": write.cpu, "write_wall": write.wall}
    return {f"{name}_at_{size}_us": seconds / len(made) / size * 1e6 for name, seconds in costs.items()}


def grown(found: Sequence[Sequence[Values]]) -> list[Values]:
    """Run by run, how many times as much a change costs the live step at the largest size as at the smallest."""
    ratios: list[Values] = []
    for small, large in zip(found[0], found[-1], strict=True):
        ratio = {
            f"{name.removeprefix('live_').removesuffix('_us')}_growth": large[name] / small[name]
            for name in small
            if name.startswith("live_")
        }
        ratios.append({"cpu_growth": max(value for name, value in ratio.items() if name.startswith("cpu")), **ratio})
    return ratios


if __name__ == "__main__":
    main()
