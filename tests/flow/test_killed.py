"""The process is killed, at every named place and at any moment: after the next start, all is as it should be."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# Places the pump passes without a live layer; the others are passed with one.
PLACES = ("before_intent", "after_intent", "during_write", "after_write", "after_done", "after_acknowledge")


def child(folder: Path, verb: str, failpoint: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flow.child", str(folder), verb],
        env={**os.environ, "TILL_FAILPOINT": failpoint},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder: Path) -> None:
    """Take the rest, and compare."""
    for verb, last_word in (("run", "running"), ("check", "exact")):
        process = child(folder, verb)
        output, errors = process.communicate(timeout=120)
        assert (process.returncode, output.strip()) == (0, last_word), errors


def test_killed_at_every_place_it_ends_exact(tmp_path: Path) -> None:
    for round_number, place in enumerate(PLACES):
        process = child(tmp_path, "run", f"{place}:{2 + round_number % 3}")
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, place
    finish(tmp_path)


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_it_ends_exact(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        process = child(tmp_path, "run")
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        try:
            process.wait(chance.uniform(0.05, 1.2))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
    finish(tmp_path)
