"""What this process takes from the machine."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_KIB = 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """Memory, processor time and open files of this process; None where the system does not say."""

    resident_bytes: int | None
    peak_bytes: int
    cpu_seconds: float
    open_files: int | None


def taken() -> Taken:
    """As of now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    # macOS counts in bytes, everybody else in KiB.
    peak = used.ru_maxrss if sys.platform == "darwin" else used.ru_maxrss * _KIB
    resident = _resident()
    # The system takes note of the peak a little late.
    return Taken(resident, max(peak, resident or 0), time.process_time(), _open_files())


def _resident() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize()


def _open_files() -> int | None:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return None
