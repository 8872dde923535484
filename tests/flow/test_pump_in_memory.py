"""The loop, with a warehouse in memory: whatever crashes, the end is the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow.crashes import run_to_end, run_with_crash
from tests.flow.ends import bronze_counts, check_end
from tests.flow.histories import History, histories
from tillstream.destinations.memory import MemoryDestination, MemoryLayer, MemoryLedger
from tillstream.flow.failpoints import FAILPOINTS

Parts = tuple[MemoryDestination, MemoryLedger, MemoryLayer]


def parts() -> Parts:
    destination = MemoryDestination()
    return destination, MemoryLedger(), MemoryLayer(destination)


def check(history: History, parts: Parts) -> None:
    destination, ledger, layer = parts
    check_end(history, destination, layer, bronze_counts(destination, range(1, ledger.last_number("store") + 1)))


@settings(max_examples=60, deadline=None)
@given(histories())
def test_the_mirror_ends_as_the_store_is(history: History) -> None:
    made = parts()
    run_to_end(history.log, *made)
    check(history, made)


@settings(max_examples=150, deadline=None)
@given(histories(), st.sampled_from(FAILPOINTS), st.integers(1, 6))
def test_a_crash_anywhere_changes_nothing_of_the_end(history: History, failpoint: str, times: int) -> None:
    made = parts()
    run_with_crash(history.log, made, failpoint, times)
    check(history, made)


@settings(max_examples=50, deadline=None)
@given(histories(), st.lists(st.tuples(st.sampled_from(FAILPOINTS), st.integers(1, 3)), min_size=2, max_size=4))
def test_crash_after_crash_changes_nothing_of_the_end(history: History, crashes: list[tuple[str, int]]) -> None:
    made = parts()
    for failpoint, times in crashes:
        run_with_crash(history.log, made, failpoint, times)
    check(history, made)


@settings(max_examples=50, deadline=None)
@given(histories(), st.sampled_from(FAILPOINTS), st.integers(1, 3))
def test_no_token_is_used_for_two_different_writes(history: History, failpoint: str, times: int) -> None:
    made = parts()
    run_with_crash(history.log, made, failpoint, times)
    begun = [(entry.token, entry.position, entry.digest) for state, entry in made[1].records if state == "intent"]
    assert len({token for token, _, _ in begun}) == len(begun)


@settings(max_examples=50, deadline=None)
@given(histories(), st.sampled_from(FAILPOINTS), st.integers(1, 3))
def test_the_source_may_forget_only_what_has_landed(history: History, failpoint: str, times: int) -> None:
    made = parts()
    run_with_crash(history.log, made, failpoint, times)
    done = {entry.position.lsn for state, entry in made[1].records if state == "done"}
    assert set(history.log.acknowledged) <= done
