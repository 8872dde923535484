"""Instrument a: rows a second from a store's tables into bronze and mirror, beside the server's own COPY to nowhere."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import psycopg

from benchmarks.pipeline import flowing, opened
from benchmarks.process import peak_of
from tillstream.simulate.schema import TABLES


def main() -> None:
    """`python -m benchmarks.snapshot URL FOLDER`."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    copied, copy_seconds = copy_to_nowhere(url)
    rows, seconds, cpu_seconds = snapshot(url, folder)
    assert rows == copied, f"{rows} rows landed, {copied} are there"
    values = {
        "rows": rows,
        "rows_per_second": rows / seconds,
        "copy_rows_per_second": copied / copy_seconds,
        "share_of_copy": copy_seconds / seconds,
        "rows_per_cpu_second": rows / cpu_seconds,
        "peak_memory": peak_of(os.getpid()),
    }
    print(json.dumps(values))


def copy_to_nowhere(url: str) -> tuple[int, float]:
    """What the server alone can do: every table in binary to /dev/null, one after the other."""
    begun = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        rows = sum(connection.execute(f"copy {name} to '/dev/null' (format binary)").rowcount for name in TABLES)
    return rows, time.monotonic() - begun


def snapshot(url: str, folder: Path) -> tuple[int, float, float]:
    """The product's own snapshot, from an empty folder until the log begins."""
    ended = threading.Event()
    assembly = opened(folder, url)
    assembly.supervisor.pump.before_stream = ended.set
    begun, cpu_begun = time.monotonic(), time.process_time()
    with flowing(assembly) as stopwatch:
        assert ended.wait(600), "the snapshot did not end in ten minutes"
        seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - cpu_begun
        rows = stopwatch.row_count
    return rows, seconds, cpu_seconds


if __name__ == "__main__":
    main()
