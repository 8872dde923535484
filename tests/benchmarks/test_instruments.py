"""The instruments run, each against a real store, if only for an instant; what they find is exact and complete."""

from __future__ import annotations

from pathlib import Path

from benchmarks.instruments import INSTRUMENTS, THROUGH_KAFKA
from benchmarks.plan import TINY
from benchmarks.run import run
from benchmarks.site import Site
from benchmarks.soak import Wishes, soak
from benchmarks.targets import TARGETS

# Measured at other rates, or not at all by the tiny plan.
ELSEWHERE = {
    "freshness at 1,000 changes/s",
    "freshness at 5,000 changes/s",
    "freshness through Kafka at 1,000 changes/s",
}


def test_every_instrument_runs_and_finds_what_the_targets_speak_of(tmp_path: Path) -> None:
    with Site(tmp_path, TINY.orders, frugal=True) as site:
        found = run(TINY, [name for name in INSTRUMENTS if name not in ("cost", *THROUGH_KAFKA)], site)["results"]
        soaked = soak(Wishes(minutes=0.05, rate=100), site)
        # Leaves a warehouse behind that fits no store.
        found |= run(TINY, ["cost"], site)["results"]
    for target in TARGETS:
        if target.heading not in ELSEWHERE and "Kafka" not in target.words:
            assert target.value in found[target.heading], target
    assert found["exactness"]["different"]["highest"] == 0
    assert found["drain"]["changes"]["median"] == TINY.drain_steps * 100
    assert found["freshness at 500 changes/s"]["probes"]["median"] > 0
    assert 0 < found["memory"]["idle_memory"]["median"] <= found["memory"]["load_peak_memory"]["median"]
    assert len(soaked["samples"]) >= 2
    assert soaked["verdicts"][-1] == {
        "words": "exact at the end",
        "wanted": "every table, fact and rollup",
        "found": "exact",
        "met": True,
    }
