"""How figures are called and written."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

WORDS = {
    "rows": "rows in the store",
    "rows_per_second": "rows/s into bronze and mirror",
    "rows_per_cpu_second": "rows per CPU second of our process",
    "copy_rows_per_second": "rows/s of the server's own binary COPY to /dev/null",
    "share_of_copy": "share of that",
    "changes": "changes that waited",
    "messages": "messages that hold them",
    "changes_per_second": "changes/s",
    "changes_per_cpu_second": "changes per CPU second of our process",
    "nothing_changes_per_second": "changes/s of our source, decoded and thrown away",
    "recvlogical_changes_per_second": "changes/s of pg_recvlogical to /dev/null",
    "times_recvlogical": "times as fast as that",
    "consumed_changes_per_second": "changes/s of confluent-kafka alone, thrown away",
    "share_of_consumed": "share of that",
    "share_of_nothing": "share of that",
    "built_ms": "building the models",
    "built_changes_per_second": "changes/s with the models built",
    "capture_cores_used": "cores used by capture",
    "capture_peak_memory": "peak memory of capture",
    "probes": "orders watched",
    "max_ms": "slowest",
    "question_p50_ms": "p50 of the question itself",
    "select_1_p50_ms": "`select 1`, p50",
    "select_1_p99_ms": "`select 1`, p99",
    "cores_used": "cores used by our process",
    "peak_memory": "peak memory of our process",
    "tables": "tables, facts and rollups compared",
    "different": "differences",
    "memory": "memory",
    "parts": "parts of tables",
    "disk": "warehouse on disk",
    "retained_log": "log the store holds back for us",
    "idle_memory": "idle",
    "load_peak_memory": "peak at 1,000 changes/s with the page open",
    "afterwards_memory": "afterwards",
    "transaction_growth": "peak in the larger transaction to that in the smaller: times",
    "questions": "questions asked",
    "slowest_p99_ms": "p99 of the slowest",
    "cpu_growth": "CPU per change, largest history to smallest: times",
}
_BARS = "▁▂▃▄▅▆▇█"
_COST = re.compile(r"(live|write)_(cpu|wall)_at_(\d+)_us")
_TRANSACTION = re.compile(r"transaction_of_(\d+)_memory")
_GROWTH = re.compile(r"(cpu|wall)_at_(\d+)_growth")
_STEP = re.compile(r"(.*): (cpu|wall)_ms")
_STEPS = {"live": "live step", "write": "bronze, mirror and links"}
_CLOCKS = {"cpu": "CPU", "wall": "time"}
_PERCENTILE = re.compile(r"(.*?)_?(p\d\d)_ms")


def chart(values: Sequence[float], most: int = 60) -> str:
    """A row of bars, from zero to the highest value; long series by the median of their pieces."""
    size = max(-(-len(values) // most), 1)
    pieces = [statistics.median(values[start : start + size]) for start in range(0, len(values), size)]
    highest = max(pieces) or 1.0
    return "".join(_BARS[min(int(value / highest * len(_BARS)), len(_BARS) - 1)] for value in pieces)


def words(key: str) -> str:
    """What a figure is called."""
    if key in WORDS:
        return WORDS[key]
    if found := _COST.fullmatch(key):
        return f"{_STEPS[found[1]]}: {_CLOCKS[found[2]]} per change, in batches of {int(found[3]):,}"
    if found := _GROWTH.fullmatch(key):
        return f"{_CLOCKS[found[1]]} per change, in batches of {int(found[2]):,}: times"
    if found := _TRANSACTION.fullmatch(key):
        return f"peak in one transaction of {int(found[1]):,} changes"
    if found := _STEP.fullmatch(key):
        return f"{found[1]}, {_CLOCKS[found[2]]}"
    found = _PERCENTILE.fullmatch(key)
    if found and not found[1]:
        return found[2]
    return f"{found[1].replace('_', ' ')}, {found[2]}".capitalize() if found else key.replace("_", " ")


def figure(key: str, value: float) -> str:
    """A figure in the unit that its name ends in."""
    if key.endswith(("memory", "disk", "log")):
        return f"{value / 2**20:,.0f} MiB"
    if key.endswith("_ms"):
        return f"{value:,.0f} ms" if value >= 20 else f"{value:.1f} ms"
    if key.endswith("_us"):
        return f"{value:,.0f} µs"
    if key in ("different", "tables"):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"
