"""`python -m benchmarks.run [--quick]`: every instrument, three times; JSON in results, a page in the reference.

a  snapshot   rows a second into bronze and mirror
b  drain      changes a second from a full slot into exact rollups
c  freshness  from commit to a query that shows it, at several rates
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.measure import ROOT, Measurement, Summary, as_json, measured, summaries, surroundings
from benchmarks.page import page
from benchmarks.pipeline import PATIENCE, flowing, opened
from benchmarks.store import store
from tillstream.assembly import log_end

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    runs: int = 3
    orders: int = 100_000
    steps: int = 5_000
    rates: tuple[int, ...] = (100, 1_000, 5_000)
    seconds: int = 30


QUICK = Plan(runs=1, orders=10_000, steps=250, rates=(1_000,), seconds=10)


def main() -> None:
    """Measure, print, and keep it (a quick look is printed only)."""
    quick = "--quick" in sys.argv
    plan = QUICK if quick else Plan()
    with tempfile.TemporaryDirectory(prefix="till-bench-") as folder:
        results = run(plan, Path(folder))
    report: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": plan.runs,
        "machine": surroundings(),
        "results": as_json(results),
    }
    text = page(report)
    print(text)
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        name = f"{report['measured_at'][:10]}-{report['machine']['commit']}.json"
        (RESULTS / name).write_text(json.dumps(report, indent=2) + "\n")
        PAGE.write_text(text)


def run(plan: Plan, folder: Path) -> dict[str, dict[str, Summary]]:
    """All instruments on one store."""
    say(f"a store with {plan.orders:,} orders")
    with store(folder / "postgres", plan.orders) as url:
        results = {"snapshot": summaries([snapshot(url, folder) for _ in range(plan.runs)])}
        say("a live pipeline")
        live = folder / "live"
        deploy(url, live)
        drains = [drain(url, live, turn * plan.steps, plan.steps) for turn in range(plan.runs)]
        results["drain"] = summaries(drains)
        used = plan.runs * plan.steps
        for round_number, rate in enumerate(plan.rates):
            steps = rate * (plan.seconds + 10) // 100
            runs = [
                freshness(url, live, (rate, plan.seconds, used + turn * steps, round_number * plan.runs + turn))
                for turn in range(plan.runs)
            ]
            used += plan.runs * steps
            results[f"freshness at {rate:,} changes/s"] = summaries(runs)
        say("is it exact?")
        results["exactness"] = summaries([measured("exactness", url, live)])
    return results


def snapshot(url: str, folder: Path) -> Measurement:
    """One snapshot into an empty warehouse, with a slot of its own that is gone afterwards."""
    say("snapshot")
    with emptied(folder / "snapshot") as fresh:
        try:
            return measured("snapshot", url, fresh)
        finally:
            forget_slots(url)


def drain(url: str, folder: Path, first: int, steps: int) -> Measurement:
    """One slot full of changes, drained."""
    say("drain")
    return measured("drain", url, folder, str(first), str(steps))


def freshness(url: str, folder: Path, turn: tuple[int, int, int, int]) -> Measurement:
    """One stretch of steady changes: rate, seconds, first step, number of the stretch."""
    say(f"freshness at {turn[0]:,} changes/s")
    return measured("freshness", url, folder, *map(str, turn))


def deploy(url: str, folder: Path) -> None:
    """Bring a folder's pipeline to the point where it follows the log with its models in place."""
    end = log_end(url)
    assembly = opened(folder, url)
    with flowing(assembly):
        if not assembly.supervisor.drain(end, PATIENCE):
            raise SystemExit("the pipeline did not become live")


def forget_slots(url: str) -> None:
    """Let the store forget that anybody ever read its log."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active")


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """A folder that is not there before and not after."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def say(line: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"· {line}\n")


if __name__ == "__main__":
    main()
