"""The terminal view, in pieces."""

from datetime import UTC, datetime

import pytest

from tillstream.commands.output import Output
from tillstream.commands.query import _cell
from tillstream.commands.view import View, milliseconds, one_line, sparkline
from tillstream.watch.pulse import Numbers
from tillstream.watch.status import Phase, Status, TableProgress, Trouble

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def status(phase: Phase, **parts: object) -> Status:
    return Status(phase=phase, pid=1, source="store", warehouse="chdb:", started_at=NOON, **parts)  # type: ignore[arg-type]


def test_a_sparkline_is_as_high_as_its_highest() -> None:
    assert sparkline([0, 1, 4, 8]) == " ▁▄█"
    assert sparkline([0, 0]) == "  "
    assert sparkline([]) == ""


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (85.4, "85 ms"), (1234.0, "1.2 s")])
def test_freshness_is_in_words(value: float | None, text: str) -> None:
    assert milliseconds(value) == text


def test_a_snapshot_says_how_far_it_is() -> None:
    tables = (TableProgress("orders", 50, 100), TableProgress("customers", 100, 100))

    line = one_line(status(Phase.SNAPSHOT, tables=tables, numbers=Numbers(snapshot_rows=150)))

    assert line == "snapshot: 150 of about 200 rows, 75%"


def test_a_live_flow_says_how_much_and_how_fresh() -> None:
    numbers = Numbers(changes=1200, changes_per_second=40, freshness_p50_ms=90, freshness_p99_ms=1500)

    assert one_line(status(Phase.LIVE, numbers=numbers)) == (
        "live: 1,200 changes, 40/s, fresh within 90 ms p50, 1.5 s p99"
    )


def test_before_the_first_change_there_is_nothing_to_say_about_it() -> None:
    assert one_line(status(Phase.LIVE)) == "live: waiting for the first change"


def test_a_phase_without_numbers_says_how_long_it_takes() -> None:
    words = "deploying models: dbt builds views, facts and rollups"
    assert one_line(status(Phase.DEPLOYING)) == words
    assert one_line(status(Phase.DEPLOYING), 12.3) == f"{words}, 12 s"


def test_where_nothing_can_be_drawn_a_line_says_something_new(capsys: pytest.CaptureFixture[str]) -> None:
    seen = iter([Phase.STARTING, Phase.STARTING, Phase.DEPLOYING, Phase.LIVE, Phase.LIVE])
    with View(Output(), lambda: status(next(seen)), "http://127.0.0.1:1") as view:
        for _ in range(5):
            view.refresh()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["starting", "deploying models", "live"]


def test_trouble_says_what_is_wrong() -> None:
    assert one_line(status(Phase.TROUBLE, trouble=Trouble("no connection"))) == "trouble: no connection"


def test_a_status_is_plain_json() -> None:
    content = status(Phase.LIVE, tables=(TableProgress("orders", 1, 2),), live_at=NOON).as_json()

    assert content["phase"] == "live"
    assert content["live_at"] == "2026-11-21T12:00:00+00:00"
    assert content["tables"] == [{"name": "orders", "rows": 1, "expected": 2, "fraction": 0.5}]


@pytest.mark.parametrize(
    ("escaped", "text"),
    [("\\N", "null"), ("a\\tb", "a\tb"), ("\\\\n", "\\n"), ("a\\\\", "a\\"), ("\\'", "'"), ("", "")],
)
def test_cells_are_shown_unescaped(escaped: str, text: str) -> None:
    assert _cell(escaped) == text
