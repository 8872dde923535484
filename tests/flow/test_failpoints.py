"""Crashes on request: only where they were asked for, and only for names that exist."""

from __future__ import annotations

import pytest

from tillstream.flow.failpoints import arm, arm_from, crash_at, failpoint


def test_a_failpoint_does_nothing_unless_armed() -> None:
    failpoint("after_write")


def test_the_third_passage_is_the_deadly_one() -> None:
    passages = 0
    with crash_at("after_write", 3):
        for _ in range(5):
            failpoint("after_write")
            passages += 1
    assert passages == 2


def test_a_crash_passes_every_handler_of_errors() -> None:
    reached = []
    with crash_at("after_stage"):
        try:
            failpoint("after_stage")
        except Exception:
            reached.append("handler")
        reached.append("next step")
    assert reached == []


def test_after_the_block_nothing_is_armed() -> None:
    with crash_at("after_write"):
        pass
    failpoint("after_write")


@pytest.mark.parametrize("setting", ["nowhere", "nowhere:2"])
def test_an_unknown_place_is_refused(setting: str) -> None:
    with pytest.raises(KeyError, match="nowhere"):
        arm_from(setting)
    with pytest.raises(KeyError, match="nowhere"):
        arm("nowhere")


def test_no_setting_arms_nothing() -> None:
    arm_from("")
    failpoint("before_intent")
