"""A process that ends when the one that started it does, however that ends."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

# The shell reads signals from the pipe that only we hold: each line is one to send. Its end is our end.
_SHELL = """
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ while read -r signal <&3; do kill -"$signal" "$child"; done; kill -KILL "$child"; } 2>/dev/null 3<&3 &
reader=$!
wait "$child"
status=$?
kill -KILL "$reader" 2>/dev/null
exit "$status"
"""

Signal = Literal["TERM", "KILL", "STOP", "CONT"]


class Tethered:
    """A program that runs, says what it says into a file, and is killed when this process is gone."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as said:
            # A session of its own: what interrupts a test run lets the run end its services in order.
            self._shell = subprocess.Popen(
                ["sh", "-c", _SHELL, "tether", *command],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                start_new_session=True,
                env=environment,
            )

    @property
    def status(self) -> int | None:
        """How it ended; None while it runs."""
        return self._shell.poll()

    def send(self, name: Signal) -> None:
        """Send a signal, unless it has ended."""
        pipe = self._shell.stdin
        if pipe is not None and self.status is None:
            with contextlib.suppress(BrokenPipeError):
                pipe.write(f"{name}\n".encode())
                pipe.flush()

    def wait(self, seconds: float) -> int:
        """Wait until it has ended. TimeoutExpired when it has not."""
        status = self._shell.wait(seconds)
        if self._shell.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._shell.stdin.close()
        return status

    def stop(self, seconds: float = 20) -> None:
        """Ask it to end, and make it end when it does not."""
        self.send("TERM")
        try:
            self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self.send("KILL")
        self.wait(20)

    def tail(self, line_count: int = 30) -> str:
        """What it said last."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-line_count:])
