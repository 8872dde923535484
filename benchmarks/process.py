"""What a process takes, as Linux says it: memory in bytes, time in seconds."""

from __future__ import annotations

import os
import re
from pathlib import Path


def memory_of(pid: int) -> int:
    """What it has in memory now."""
    return _status(pid, "VmRSS")


def peak_of(pid: int) -> int:
    """The most it had in memory since it began, or since `forget_peak`."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Let the peak begin anew from what it has now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_of(pid: int) -> float:
    """Processor time of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), flags=re.MULTILINE)
    assert found, f"process {pid} has no {name}"
    return int(found[1]) * 1024
