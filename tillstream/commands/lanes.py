"""`till live`, and `till load` of several lanes: this process's share of a store's lanes, until somebody stops it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tillstream.commands.capture import require_stream
from tillstream.commands.output import Output
from tillstream.commands.serve import served_warehouse
from tillstream.commands.signals import Interrupted, orderly
from tillstream.config import environment
from tillstream.config import load as settings_of
from tillstream.errors import ConfigError
from tillstream.settings import Settings
from tillstream.watch.events import Log, log_to

if TYPE_CHECKING:
    from tillstream.assembly.lanes import Crew

LOOK_EVERY = 0.25


def load(settings: Settings, duration: timedelta | None, output: Output) -> int:
    """Bring the lanes that we are given into bronze and mirror."""
    from tillstream.assembly.lanes import loaders

    return _attended(settings, loaders, duration, output)


def live(folder: Path, duration: timedelta | None, output: Output) -> int:
    """Bring facts and rollups up to what loaders have landed, in the share that we are given."""
    from tillstream.assembly.lanes import live_workers

    settings = settings_of(folder, environment())
    require_stream(settings)
    if settings.stream.lanes == 1:
        raise ConfigError(
            "with one lane, `till load` does the live step itself",
            detail="stream.lanes is 1.",
            hint="Set `lanes` in [stream] of till.toml to share the work, or run `till load` alone.",
        )
    return _attended(settings, live_workers, duration, output)


def _attended(
    settings: Settings,
    made: Callable[[Settings, str, Log], Crew],
    duration: timedelta | None,
    output: Output,
) -> int:
    url = served_warehouse(settings) or settings.warehouse_url
    if url.startswith("chdb:"):
        raise ConfigError(
            "several processes can't share an embedded warehouse that nobody serves",
            detail=f"stream.lanes is {settings.stream.lanes}, and the warehouse is {settings.warehouse.url.shown}.",
            hint="Start `till serve` in this folder first, or name a ClickHouse server in [warehouse].",
        )
    with orderly() as signals:
        crew = made(settings, url, log_to(form=settings.log.format))
        crew.start()
        until = None if duration is None else time.monotonic() + duration.total_seconds()
        try:
            while not signals.asked.is_set() and (until is None or time.monotonic() < until):
                crew.look()
                signals.asked.wait(LOOK_EVERY)
        except Interrupted:
            output.say("stopped at once; whoever gets these lanes puts everything right", "yellow")
            return 2
        crew.stop()
    watcher = crew.watcher
    output.say(f"{watcher.row_count:,} rows in {watcher.batch_count:,} batches")
    output.result({"rows": watcher.row_count, "batches": watcher.batch_count})
    return 0
