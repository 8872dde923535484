"""The newest events, kept for whoever looks."""

from __future__ import annotations

from tillstream.watch.events import Event, ModelsDeployed, PipelineStopped
from tillstream.watch.recent import KEPT, RecentEvents


def test_events_are_handed_on_and_the_newest_is_told_first() -> None:
    seen: list[Event] = []
    recent = RecentEvents()
    log = recent.before(seen.append)
    log(ModelsDeployed(1.5))
    log(PipelineStopped(12, 3.0))
    assert [type(event) for event in seen] == [ModelsDeployed, PipelineStopped]
    newest, oldest = recent.as_json()
    assert (newest["text"], newest["facts"]) == ("pipeline stopped", {"changes": 12, "seconds": 3.0})
    assert (oldest["level"], oldest["facts"]) == ("info", {"seconds": 1.5})


def test_old_events_make_room() -> None:
    recent = RecentEvents()
    log = recent.before(lambda _event: None)
    for number in range(KEPT + 5):
        log(PipelineStopped(number, 0.0))
    assert len(recent.as_json()) == KEPT
    assert recent.as_json()[0]["facts"]["changes"] == KEPT + 4
