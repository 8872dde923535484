"""Runs the command line as users do: a process, its two outputs, its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str

    @property
    def last_line(self) -> Any:
        return json.loads(self.out.splitlines()[-1])


def surroundings(extra: dict[str, str] | None = None) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TILL_")}
    return {**inherited, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **(extra or {})}


def begin(*arguments: str | Path, extra: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tillstream.cli", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(extra),
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], timeout: float = 120) -> Answer:
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"still running after {timeout} s\n{out}\n{err}") from None
    return Answer(process.returncode, out, err)


def till(*arguments: str | Path, extra: dict[str, str] | None = None, timeout: float = 120) -> Answer:
    return finish(begin(*arguments, extra=extra), timeout)


def eventually(claim: Callable[[], bool], what: str, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not claim():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not so after {timeout} s")
        time.sleep(0.05)
