"""The server process of a data folder, as its pid file tells and as the system confirms."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A PostgreSQL server's main process."""

    process_id: int
    port: int

    @property
    def alive(self) -> bool:
        """Whether a process of that number exists that may be a PostgreSQL server."""
        try:
            os.kill(self.process_id, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        process = Path(f"/proc/{self.process_id}")
        if not process.parent.joinpath("self").exists():
            return True
        try:
            # Numbers are used again: the process may be anything by now. A dead one's command line is empty.
            return b"postgres" in (process / "cmdline").read_bytes()
        except OSError:
            return False


def postmaster_of(data: Path) -> Postmaster | None:
    """The living server of the folder, None when there is none."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        found = Postmaster(abs(int(lines[0])), int(lines[3]) if len(lines) > 3 else 0)
    except (OSError, ValueError, IndexError):
        return None
    return found if found.alive else None


def forget_postmaster(data: Path) -> None:
    """Remove the pid file of a server that is gone, which would keep a new one from starting."""
    (data / "postmaster.pid").unlink(missing_ok=True)
