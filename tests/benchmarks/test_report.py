"""What is made of the figures: the choice of instruments, the verdicts, the page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from benchmarks import page
from benchmarks.instruments import DEPLOY, INSTRUMENTS, STORE, turns
from benchmarks.measure import summaries
from benchmarks.plan import FULL, QUICK
from benchmarks.run import asked
from benchmarks.soak import Sample, Wishes, judged
from benchmarks.targets import TARGETS


def report(moment: str, **results: dict[str, float]) -> dict[str, Any]:
    machine = {
        "commit": "abc1234",
        "changed": False,
        "cores": 2,
        "processor": "a processor",
        "memory": 1 << 34,
        "system": "Linux 6",
        "python": "3.11.7",
        "packages": {"chdb": "4.4.0"},
    }
    found = {
        name: {key: {"median": value, "lowest": value, "highest": value} for key, value in values.items()}
        for name, values in results.items()
    }
    return {"kind": "benchmarks", "measured_at": moment, "plan": {"runs": 3}, "machine": machine, "results": found}


def test_all_instruments_are_run_unless_some_are_named() -> None:
    assert asked([]) == (FULL, list(INSTRUMENTS))
    assert asked(["--quick", "--only", "snapshot, freshness"]) == (QUICK, ["snapshot", "freshness"])


def test_an_unknown_instrument_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        asked(["--only", "speed"])
    assert 'no instrument is named "speed"; there are snapshot, drain' in capsys.readouterr().err


def test_everything_fits_into_half_an_hour() -> None:
    assert STORE + DEPLOY + sum(turn.seconds for turn in turns(FULL, list(INSTRUMENTS))) < 30 * 60


def test_a_summary_has_median_and_range() -> None:
    found = summaries([{"x": 3.0}, {"x": 1.0}, {"x": 10.0}])["x"]
    assert (found.median, found.lowest, found.highest) == (3.0, 1.0, 10.0)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.words)
def test_what_is_wanted_is_met_exactly_and_missed_beyond(target: Any) -> None:
    worse = target.wanted * (0.5 if target.sense == "at least" else 1.5) or 1.0
    assert target.missed_by(target.wanted) == 0
    assert target.missed_by(worse) > 0


def test_the_page_says_by_how_much_a_target_was_missed() -> None:
    text = page.text([report("2026-01-01T10:00:00", drain={"changes_per_second": 60_000, "times_recvlogical": 0.6})])
    assert "| drain, changes/s into exact rollups | at least 75,000 | 60,000 | missed by 20% |" in text
    assert "| drain, as a share of pg_recvlogical | at least 0.50 | 0.60 | met |" in text


def test_the_page_has_the_newest_result_of_each_instrument() -> None:
    older = report("2026-01-01T10:00:00", drain={"changes_per_second": 1000}, snapshot={"share_of_copy": 0.5})
    newer = report("2026-01-02T10:00:00", drain={"changes_per_second": 2000})
    text = page.text([older, newer])
    assert "| changes/s | 2,000 |" in text
    assert "| changes/s | 1,000 |" not in text
    assert "| share of that | 0.50 |" in text


def sample(minute: int, **values: float) -> Sample:
    usual: dict[str, float] = {"p50_ms": 100, "p99_ms": 200, "memory": 500 << 20, "parts": 100}
    return Sample(minute=minute, changes_per_second=1000, cores_used=1, disk=0, retained_log=0, **(usual | values))  # type: ignore[arg-type]  # floats will do


def unmet(samples: list[Sample], *, exact: bool = True) -> list[str]:
    verification = {"exact": exact, "differences": [] if exact else [{}]}
    return [verdict["words"] for verdict in judged(Wishes(60, 1000), samples, verification) if not verdict["met"]]


def test_a_soak_is_judged_by_its_last_fifth_beside_its_second() -> None:
    flat = [sample(minute) for minute in range(10)]
    assert unmet(flat) == []
    assert unmet(flat, exact=False) == ["exact at the end"]
    assert unmet([sample(0, memory=1), *flat[1:]]) == []
    assert unmet([*flat[:8], *(sample(minute, memory=600 << 20) for minute in (8, 9))]) == ["memory is flat"]
    assert unmet([*flat[:8], *(sample(minute, p99_ms=400) for minute in (8, 9))]) == ["freshness is flat, p99"]


def test_the_page_shows_how_a_soak_went() -> None:
    samples = [sample(minute, memory=(minute + 1) << 27) for minute in range(8)]
    soaked = {
        **report("2026-01-01T10:00:00"),
        "kind": "soak",
        "minutes": 8,
        "rate": 1000,
        "samples": [asdict(each) for each in samples],
        "verdicts": judged(Wishes(8, 1000), samples, {"exact": True, "differences": []}),
    }
    text = page.text([soaked])
    assert "8 minutes at 1,000 changes/s" in text
    assert "| memory | 128 MiB | 1,024 MiB | 1,024 MiB | `▂▃▄▅▆▇██` |" in text


def test_without_results_the_page_says_so() -> None:
    assert "Nothing has been measured" in page.text([])


def test_the_page_in_the_docs_is_made_from_what_is_kept() -> None:
    assert page.PAGE.read_text() == page.text(page.reports()), "run `make docs`"
