"""The simulator as a process of its own, so that the pipeline keeps its processor to itself.

It ends when its standard input does, so it never outlives us, however we end.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tillstream.config import environment
from tillstream.errors import StoreError
from tillstream.simulate.schema import connect

PATIENCE = 20.0
URL_VARIABLE = "TILL_SIMULATE_URL"


@dataclass(frozen=True, slots=True)
class Pace:
    """How the store lives."""

    rate: float
    seed: int


def await_predecessor(url: str) -> None:
    """Wait until the simulator of a run that was killed has noticed, and has left the store."""
    deadline = time.monotonic() + PATIENCE
    with connect(url) as connection:
        connection.autocommit = True
        while time.monotonic() < deadline:
            found = connection.execute(
                "select 1 from pg_stat_activity where datname = current_database() and pid != pg_backend_pid()"
                " and application_name = 'tillstream simulate'"
            ).fetchone()
            if found is None:
                return
            time.sleep(0.05)


class Simulator:
    """A running `till simulate`."""

    def __init__(self, url: str, pace: Pace, log: Path) -> None:
        self._log = log
        command = [sys.executable, "-m", "tillstream.cli", "simulate", "--while-stdin-is-open"]
        command += ["--rate", str(pace.rate), "--seed", str(pace.seed)]
        with log.open("wb") as output:
            # The URL holds a password: the environment is for our eyes, the command line for everybody's.
            # A session of its own: Ctrl-C is for us, and we end it in order.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment(), URL_VARIABLE: url},
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise StoreError when it has ended by itself."""
        status = self._process.poll()
        if status is not None:
            last = self._log.read_text(errors="replace").strip()[-1000:]
            raise StoreError(f"the simulator ended with status {status}", detail=last)

    def stop(self) -> None:
        """Let it finish its transaction; insist when it takes too long. Repeats are harmless."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
