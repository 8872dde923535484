"""Instrument f: how long each query of the page takes over HTTP while changes flow and somebody has the page open."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.load import Load, changing
from benchmarks.plan import PLANS
from benchmarks.product import Product, product
from tillstream.web.panels import FRUGAL

PARAMETERS = {"currency": "USD", "zone": "UTC"}
# What the way there and back takes.
NOTHING = "select_1"
# One viewer asks this often; without a pause the questions themselves would be the load.
ASKED_A_SECOND = 40


def main() -> None:
    """`python -m benchmarks.panels URL FOLDER PLAN FIRST-STEP`, on a live folder."""
    url, folder, plan, step = sys.argv[1], Path(sys.argv[2]), PLANS[sys.argv[3]], int(sys.argv[4])
    with product(url, folder) as running, running.viewer(), changing(url, Load(plan.load_rate, step)):
        time.sleep(1)
        found = asked(running, plan.seconds * 1.5)
    values: dict[str, float] = {"questions": sum(map(len, found.values()))}
    for name, took in found.items():
        p50, p99 = np.percentile(np.array(took) * 1000, [50, 99])
        values |= {f"{name}_p50_ms": p50, f"{name}_p99_ms": p99}
    of_panels = [value for name, value in values.items() if name.endswith("_p99_ms") and not name.startswith(NOTHING)]
    values["slowest_p99_ms"] = max(of_panels)
    print(json.dumps(values))


def asked(running: Product, seconds: float) -> dict[str, list[float]]:
    """Seconds each question took, one after the other, by panel."""
    panels = {**running.panels(), NOTHING: "select 1"}
    found: dict[str, list[float]] = {name: [] for name in panels}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, query in panels.items():
            begun = time.perf_counter()
            running.ask(query, *FRUGAL, **PARAMETERS)
            took = time.perf_counter() - begun
            found[name].append(took)
            time.sleep(max(1 / ASKED_A_SECOND - took, 0.0))
    return found


if __name__ == "__main__":
    main()
