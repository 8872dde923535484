"""The report as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MADE_FROM = "<!-- Written by `make bench`; the same figures as JSON are in `benchmarks/results`. -->\n"
WORDS = {
    "rows": "rows in the store",
    "rows_per_second": "rows/s into bronze and mirror",
    "copy_rows_per_second": "rows/s of the server's own binary COPY to /dev/null",
    "share_of_copy": "share of that",
    "changes": "changes in the slot",
    "changes_per_second": "changes/s",
    "nothing_changes_per_second": "changes/s of our source, decoded and thrown away",
    "recvlogical_changes_per_second": "changes/s of pg_recvlogical to /dev/null",
    "times_recvlogical": "times as fast as that",
    "probes": "orders watched",
    "p50_ms": "p50",
    "p95_ms": "p95",
    "p99_ms": "p99",
    "max_ms": "slowest",
    "cpu_seconds": "CPU seconds of our process",
    "peak_memory": "peak memory of our process",
    "tables": "tables, facts and rollups compared",
    "different": "differences",
}


def page(report: Mapping[str, Any]) -> str:
    """Markdown: what was measured, where, and every figure with its range."""
    return "".join(_lines(report))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    machine = report["machine"]
    commit = machine["commit"] + (" with changes" if machine["changed"] else "")
    yield f"# Benchmarks\n\n{MADE_FROM}\n"
    yield f"Measured {report['measured_at'][:10]} at commit {commit} with `make bench`, {report['runs']} runs each. "
    yield f"{machine['cores']} cores ({machine['processor']}), {machine['memory'] / 2**30:.0f} GiB, "
    yield f"{machine['system']}, Python {machine['python']}. Store, pipeline and load share the machine.\n"
    yield "Median, and lowest to highest in brackets.\n"
    for name, values in report["results"].items():
        yield f"\n## {name[0].upper()}{name[1:]}\n\n| | |\n|---|---|\n"
        for key, value in values.items():
            yield f"| {WORDS.get(key, key)} | {_shown(key, value)} |\n"
    yield _EXPLAINED


def _shown(key: str, value: Mapping[str, float]) -> str:
    median, lowest, highest = (_figure(key, value[each]) for each in ("median", "lowest", "highest"))
    return median if lowest == highest else f"{median} ({lowest} to {highest})"


def _figure(key: str, value: float) -> str:
    if key == "peak_memory":
        return f"{value / 2**20:,.0f} MiB"
    if key.endswith("_ms"):
        return f"{value:,.0f} ms"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


_EXPLAINED = """
## What was measured

- **Snapshot**: the demo store's tables, from an empty folder until the log begins. The server's own
  `COPY … (format binary)` to `/dev/null`, table after table, is measured just before it.
- **Drain**: changes wait in the slot (20 % inserts, 60 % updates, 20 % deletes, a hundred in a transaction); the
  pipeline starts and brings them into bronze, mirror, facts and rollups. `pg_recvlogical` reads the same changes into
  `/dev/null`; our source decodes them and throws them away.
- **Freshness**: from the return of a commit in the store until a query that runs all the time sees the order in
  `live.sales_by_minute`, while the mix goes on at the given rate.
- **Exactness**: afterwards every table, fact and rollup is compared with the store, as `till verify` does.
"""
