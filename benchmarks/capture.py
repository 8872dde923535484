"""The way into the topics: the store's snapshot, or steps of the mix that wait in the slot."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.measure import Values
from benchmarks.pipeline import flowing, opened_capture, until
from benchmarks.store import CHANGES_A_STEP, mix_of


def main() -> None:
    """`python -m benchmarks.capture URL FOLDER FIRST-STEP STEPS`; no steps: the snapshot."""
    url, folder, first, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    changes = mix_of(url).make(first, count) if count else 0
    assert changes == count * CHANGES_A_STEP, f"{changes} rows changed in {count} steps"
    print(json.dumps(captured(url, folder, changes)))


def captured(url: str, folder: Path, changes: int) -> Values:
    """How fast so many changes got into the topics, or the snapshot if there are none."""
    assembly = opened_capture(folder, url)
    supervisor = assembly.supervisor
    begun, cpu_begun = time.monotonic(), time.process_time()
    with flowing(assembly) as stopwatch:
        until(lambda: supervisor.ended or (supervisor.live and stopwatch.row_count >= changes), "changes are missing")
        seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - cpu_begun
    rows = stopwatch.row_count
    return {"changes": rows, "changes_per_second": rows / seconds, "changes_per_cpu_second": rows / cpu_seconds}


if __name__ == "__main__":
    main()
