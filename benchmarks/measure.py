"""Runs one instrument in a process of its own, and says what it took beside its result."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run: what the instrument found, and what its process took. Sizes in bytes."""

    values: Mapping[str, float]
    cpu_seconds: float
    peak_memory: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A figure over all runs."""

    median: float
    lowest: float
    highest: float


def measured(instrument: str, *arguments: str | Path) -> Measurement:
    """Run `python -m benchmarks.INSTRUMENT …`, which prints its values as one JSON object at the end."""
    command = [sys.executable, "-m", f"benchmarks.{instrument}", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise SystemExit(f"{' '.join(command[2:])} ended with status {process.returncode}")
    return Measurement(json.loads(lines[-1]), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def summaries(runs: Sequence[Measurement]) -> dict[str, Summary]:
    """Median and range of every value, CPU and memory."""
    values = {name: [run.values[name] for run in runs] for name in runs[0].values}
    values["cpu_seconds"] = [run.cpu_seconds for run in runs]
    values["peak_memory"] = [run.peak_memory for run in runs]
    return {name: Summary(statistics.median(each), min(each), max(each)) for name, each in values.items()}


def surroundings() -> dict[str, Any]:
    """The machine and the commit that the figures belong to."""
    return {
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
        "changed": bool(_output("git", "status", "--porcelain", "--", "tillstream", "dbt")),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def as_json(results: Mapping[str, Mapping[str, Summary]]) -> dict[str, Any]:
    """Plain values."""
    return {name: {key: asdict(value) for key, value in result.items()} for name, result in results.items()}


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
