"""The log: one event, one line."""

import io
import json
from datetime import UTC, datetime

from tillstream.watch.events import PipelineFailed, WentLive, line, log_to


def test_an_event_is_one_line_of_facts() -> None:
    at = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

    assert line(WentLive(5, 1.5), at) == "2026-11-21T12:00:00Z info    live snapshot_rows=5 seconds=1.5"


def test_facts_with_spaces_and_newlines_stay_on_their_line() -> None:
    stream = io.StringIO()

    log_to(stream)(PipelineFailed("the disk is full", "a\nb", ""))

    assert stream.getvalue().count("\n") == 1
    assert 'message="the disk is full" detail="a\\nb"\n' in stream.getvalue()
    assert "hint" not in stream.getvalue()


def test_a_line_can_be_a_json_object() -> None:
    stream = io.StringIO()

    log_to(stream, "json")(PipelineFailed("the disk is full", "a\nb", "free some"))

    content = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert content.pop("at").endswith("+00:00")
    assert content == {
        "level": "error",
        "event": "pipeline stopped by an error",
        "message": "the disk is full",
        "detail": "a\nb",
        "hint": "free some",
    }
