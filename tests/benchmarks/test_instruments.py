"""The instruments run, each against a real store, if only for an instant; what they find is exact and complete."""

from __future__ import annotations

from pathlib import Path

from benchmarks.instruments import INSTRUMENTS
from benchmarks.plan import TINY
from benchmarks.run import run
from benchmarks.targets import TARGETS

# Measured at other rates, or not at all by the tiny plan.
ELSEWHERE = {"freshness at 1,000 changes/s", "freshness at 5,000 changes/s"}


def test_every_instrument_runs_and_finds_what_the_targets_speak_of(tmp_path: Path) -> None:
    found = run(TINY, list(INSTRUMENTS), tmp_path)["results"]
    for target in TARGETS:
        if target.heading not in ELSEWHERE:
            assert target.value in found[target.heading], target
    assert found["exactness"]["different"]["highest"] == 0
    assert found["drain"]["changes"]["median"] == TINY.drain_steps * 100
    assert found["freshness at 500 changes/s"]["probes"]["median"] > 0
    assert 0 < found["memory"]["idle_memory"]["median"] <= found["memory"]["load_peak_memory"]["median"]
