"""Instrument h: topics full of mixed changes into exact rollups, beside two readers of the same that keep nothing.

First a backlog on a live warehouse: the live step follows it. And what is in the topics from their beginning on, into a
new warehouse, whose models are built at the end.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.drain import read_into_nothing
from benchmarks.measure import Values
from benchmarks.pipeline import Stopwatch, flowing, opened_load, until
from benchmarks.process import forget_peak, peak_of
from benchmarks.topics import consumed
from tillstream.assembly.stream import followed_by
from tillstream.config import load
from tillstream.sources.kafka.crossing import reach
from tillstream.sources.kafka.place import place_from
from tillstream.sources.kafka.session import consumer_of
from tillstream.sources.kafka.topics import ends


def main() -> None:
    """`python -m benchmarks.stream FOLDER [CHANGES]`: on a live folder so many wait in the topics; else it is new."""
    folder = Path(sys.argv[1])
    print(json.dumps(backlog(folder, int(sys.argv[2])) if len(sys.argv) > 2 else catch_up(folder)))


def backlog(folder: Path, changes: int) -> Values:
    """On a warehouse that is live, from where it stands."""
    settings = load(folder, {})
    assembly = opened_load(folder)
    parts = assembly.pipeline
    assert parts.layer.ready
    done = parts.ledger.last_done(parts.source.name)
    assert done is not None
    messages, alone = consumed(settings.stream.bootstrap, place_from(done.position).offsets)
    decoded = read_into_nothing(parts.source, parts.ledger, changes)
    forget_peak(os.getpid())
    begun, cpu_begun = time.monotonic(), time.process_time()
    with flowing(assembly) as stopwatch:
        stopwatch.wait_for(changes)
        seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - cpu_begun
    return {
        "changes": changes,
        "messages": messages,
        "changes_per_second": changes / seconds,
        "consumed_changes_per_second": changes / alone,
        "share_of_consumed": alone / seconds,
        "nothing_changes_per_second": changes / decoded,
        "share_of_nothing": decoded / seconds,
        "changes_per_cpu_second": changes / cpu_seconds,
        "peak_memory": peak_of(os.getpid()),
    }


def catch_up(folder: Path) -> Values:
    """From the beginning of every topic into nothing, until it is live."""
    settings = load(folder, {})
    followed = followed_by(settings)
    consumer = consumer_of(followed.settings)
    begin = {name: ends(consumer, name, followed.settings)[0] for name in reach(followed)}
    consumer.close()
    messages, alone = consumed(settings.stream.bootstrap, begin)
    assembly = opened_load(folder)
    supervisor, stopwatch, loaded = assembly.supervisor, Stopwatch(), []
    supervisor.listeners.append(stopwatch.landed)
    build = supervisor.pump.before_stream

    def before_stream() -> None:
        loaded.append((time.monotonic(), time.process_time(), stopwatch.row_count))
        build()

    supervisor.pump.before_stream = before_stream
    forget_peak(os.getpid())
    begun, cpu_begun = time.monotonic(), time.process_time()
    with flowing(assembly):
        until(lambda: supervisor.live or supervisor.ended, "the topics did not end")
        built = time.monotonic()
    loaded_at, cpu, changes = loaded[0]
    seconds = loaded_at - begun
    return {
        "changes": changes,
        "messages": messages,
        "changes_per_second": changes / seconds,
        "consumed_changes_per_second": changes / alone,
        "share_of_consumed": alone / seconds,
        "built_ms": (built - loaded_at) * 1000,
        "built_changes_per_second": changes / (built - begun),
        "changes_per_cpu_second": changes / (cpu - cpu_begun),
        "peak_memory": peak_of(os.getpid()),
    }


if __name__ == "__main__":
    main()
