"""Instrument i: freshness with Kafka in between: capture, broker and load, each a process of its own on one machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.freshness import measure
from benchmarks.load import Load
from benchmarks.measure import ROOT
from benchmarks.pipeline import opened_load, until
from benchmarks.process import cpu_of, peak_of
from benchmarks.topics import SLOT
from tillstream.assembly.store import is_followed


def main() -> None:
    """`python -m benchmarks.through URL FOLDER RATE SECONDS FIRST-STEP MONTH`, on a folder whose load is live."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    rate, seconds, first_step, month = (int(argument) for argument in sys.argv[3:7])
    with capturing(url, folder) as capture:
        begun, cpu = time.monotonic(), cpu_of(capture)
        values = dict(measure(opened_load(folder), url, Load(rate, first_step, month), seconds))
        values["capture_cores_used"] = (cpu_of(capture) - cpu) / (time.monotonic() - begun)
        values["capture_peak_memory"] = peak_of(capture)
    print(json.dumps(values))


@contextmanager
def capturing(url: str, folder: Path) -> Iterator[int]:
    """`till capture` on the folder as long as the block, from when it follows the store; its process."""
    command = [sys.executable, "-m", "tillstream.cli", "capture", "--dir", str(folder)]
    with (folder / "capture.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "TILL_SOURCE_URL": url},
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        until(lambda: process.poll() is not None or is_followed(url, SLOT), "capture did not begin")
        assert process.poll() is None, (folder / "capture.log").read_text()[-2000:]
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
