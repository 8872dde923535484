"""A full disk is told as such; once there is space again, nothing is missing and nothing is there twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def filled(*arguments: str | Path) -> tuple[list[str], str]:
    """What the filling process printed, and its errors."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.destinations.filling", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return result.stdout.splitlines(), result.stderr


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    printed, errors = filled(tmp_path / "warehouse")
    assert printed == ["the warehouse's disk is full", "later", "exact"], errors
