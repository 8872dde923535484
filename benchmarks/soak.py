"""`python -m benchmarks.soak --minutes 60 --rate 1000`: a store lives, the product follows, every minute is looked at.

The simulator's 27 kinds of transactions make so many changes a second; `till run` follows with the page open; at the
end `till verify` compares everything. Flat means that the last fifth of the time is like the second fifth.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.measure import ROOT, surroundings
from benchmarks.process import cpu_of, memory_of
from benchmarks.product import Product, product, wait_for
from benchmarks.site import Site
from tillstream.commands.simulator import Pace, Simulator

# How long the store's way of life is watched to learn how many changes a transaction makes.
CALIBRATION = 15.0
FIRST_GUESS = 4.0
LEAST_SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Wishes:
    """How long, and how fast (changes a second)."""

    minutes: float
    rate: float

    @property
    def interval(self) -> float:
        """Seconds between two looks: a minute, or less so that there are enough of them."""
        return min(60.0, self.minutes * 60 / LEAST_SAMPLES)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: rates and freshness of the time since the one before, sizes in bytes as they are."""

    minute: float
    changes_per_second: float
    p50_ms: float
    p99_ms: float
    memory: int
    cores_used: float
    parts: int
    disk: int
    retained_log: int


@dataclass(frozen=True, slots=True)
class Criterion:
    """A figure that may be at most (or at least) so many times in the last fifth what it was in the second."""

    value: str
    words: str
    most: float


CRITERIA = (
    Criterion("memory", "memory is flat", 1.15),
    Criterion("p50_ms", "freshness is flat, p50", 1.25),
    Criterion("p99_ms", "freshness is flat, p99", 1.5),
    Criterion("parts", "parts are merged", 1.5),
)


def main() -> None:
    """Soak, print a line a minute and the verdict, and keep the result. Exit status 0 when all is well."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Soak tillstream.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=1_000.0, help="changes a second")
    parser.add_argument("--orders", type=int, default=100_000, help="orders the store begins with")
    parser.add_argument("--not-kept", action="store_true", help="only print")
    found = parser.parse_args()
    wishes = Wishes(found.minutes, found.rate)
    with tempfile.TemporaryDirectory(prefix="till-soak-") as folder:
        say(f"a store with {found.orders:,} orders and its pipeline")
        with Site(Path(folder) / "site", found.orders) as site:
            report = soak(wishes, site)
    print(page.soak_text(report))
    if not found.not_kept:
        print(f"kept in {page.keep(report, 'soak-')}")
    sys.exit(0 if all(verdict["met"] for verdict in report["verdicts"]) else 1)


def soak(wishes: Wishes, site: Site) -> dict[str, Any]:
    """The report of one soak."""
    machine = surroundings()
    with product(site.url, site.live) as running, running.viewer():
        with living(site, wishes.rate / FIRST_GUESS):
            ratio = changes_a_transaction(running, min(CALIBRATION, wishes.minutes * 12))
        say(f"{ratio:.1f} changes a transaction; {wishes.minutes:g} minutes at {wishes.rate / ratio:,.0f} a second")
        with living(site, wishes.rate / ratio) as simulator:
            samples = list(watched(running, wishes, simulator))
        verification = verified(site.url, running.folder)
    return {
        "kind": "soak",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "minutes": wishes.minutes,
        "rate": wishes.rate,
        "machine": machine,
        "samples": [asdict(sample) for sample in samples],
        "verdicts": judged(wishes, samples, verification),
    }


@contextmanager
def living(site: Site, transactions_a_second: float) -> Iterator[Simulator]:
    """The store lives as long as the block."""
    pace = Pace(transactions_a_second, seed=time.time_ns() % 100_000)
    simulator = Simulator(site.url, pace, site.live / "simulator.log")
    try:
        yield simulator
    finally:
        simulator.stop()


def changes_a_transaction(running: Product, seconds: float) -> float:
    """How many changes the store's transactions make on average."""
    time.sleep(seconds)
    wait_for(lambda: running.status()["numbers"]["transactions"] > 0, "nothing landed")
    numbers = running.status()["numbers"]
    return float(numbers["changes"] / numbers["transactions"])


def watched(running: Product, wishes: Wishes, simulator: Simulator) -> Iterator[Sample]:
    """A look at every interval until the time is over."""
    say("minute  changes/s   p50 ms   p99 ms   memory MiB  cores  parts  disk MiB  log held MiB")
    begun = time.monotonic()
    before, changes, cpu = begun, running.status()["numbers"]["changes"], cpu_of(running.pid)
    while (elapsed := before - begun) < wishes.minutes * 60 - 0.5:
        time.sleep(max(before + min(wishes.interval, wishes.minutes * 60 - elapsed) - time.monotonic(), 0.1))
        simulator.check()
        now, status, cpu_now = time.monotonic(), running.status(), cpu_of(running.pid)
        numbers = status["numbers"]
        sample = Sample(
            minute=round((now - begun) / 60, 2),
            changes_per_second=(numbers["changes"] - changes) / (now - before),
            p50_ms=numbers["freshness_p50_ms"] or 0.0,
            p99_ms=numbers["freshness_p99_ms"] or 0.0,
            memory=memory_of(running.pid),
            cores_used=(cpu_now - cpu) / (now - before),
            parts=int(running.number("select count() from system.parts where active")),
            disk=int(running.number("select sum(bytes_on_disk) from system.parts where active")),
            retained_log=(status["lag"] or {}).get("retained_bytes") or 0,
        )
        before, changes, cpu = now, numbers["changes"], cpu_now
        say(line(sample))
        yield sample


def line(sample: Sample) -> str:
    """One sample as a row of the table."""
    memory, disk, held = (size / 2**20 for size in (sample.memory, sample.disk, sample.retained_log))
    return (
        f"{sample.minute:6.1f} {sample.changes_per_second:10,.0f} {sample.p50_ms:8,.0f} {sample.p99_ms:8,.0f}"
        f" {memory:12,.0f} {sample.cores_used:6.2f} {sample.parts:6,} {disk:9,.0f} {held:13,.0f}"
    )


def verified(url: str, folder: Path) -> dict[str, Any]:
    """What `till verify` says of the running pipeline."""
    say("comparing everything with the store")
    command = [sys.executable, "-m", "tillstream.cli", "verify", "--json", "--dir", str(folder)]
    surroundings = {**os.environ, "TILL_SOURCE_KIND": "postgres", "TILL_SOURCE_URL": url}
    answer = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return report


def judged(wishes: Wishes, samples: Sequence[Sample], verification: dict[str, Any]) -> list[dict[str, Any]]:
    """Each criterion: what it compares, what was found, and whether it is met."""
    fifth = max(len(samples) // 5, 1)
    early, late = samples[fifth : 2 * fifth] or samples[:1], samples[-fifth:]
    verdicts = []
    for criterion in CRITERIA:
        first, last = (statistics.median(getattr(each, criterion.value) for each in part) for part in (early, late))
        ratio = last / first if first else 1.0
        wanted = f"at most {criterion.most:g} times as much at the end"
        verdicts.append(_verdict(criterion.words, wanted, f"{ratio:.2f} times", met=ratio <= criterion.most))
    rate = statistics.mean(each.changes_per_second for each in samples[fifth:] or samples)
    wanted = f"at least 95 % of {wishes.rate:,.0f} changes/s"
    verdicts.append(_verdict("the rate is kept", wanted, f"{rate:,.0f}", met=rate >= 0.95 * wishes.rate))
    different = len(verification["differences"])
    found = "exact" if verification["exact"] else f"{different} differences"
    verdicts.append(_verdict("exact at the end", "every table, fact and rollup", found, met=verification["exact"]))
    return verdicts


def _verdict(words: str, wanted: str, found: str, *, met: bool) -> dict[str, Any]:
    return {"words": words, "wanted": wanted, "found": found, "met": met}


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
