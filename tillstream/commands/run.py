"""`till run`: the pipeline and the page of a till.toml, until somebody stops them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from tillstream.commands.output import Output
from tillstream.commands.signals import Interrupted, Signals, orderly
from tillstream.commands.view import View
from tillstream.config import environment, load
from tillstream.flow.folder import hold
from tillstream.settings import Settings


def run(folder: Path, duration: timedelta | None, output: Output) -> int:
    """Run until a signal comes, the time is over, or something breaks."""
    settings = load(folder, environment())
    if settings.source.kind != "demo":
        _ = settings.source_url
    with orderly() as signals, hold(settings.folder):
        try:
            return _run(settings, duration, output, signals)
        except Interrupted:
            output.say("stopped at once; the next start puts everything right", "yellow")
            return 2


def _run(settings: Settings, duration: timedelta | None, output: Output, signals: Signals) -> int:
    from tillstream.assembly.whole import assemble

    with ExitStack() as stack:
        url = stack.enter_context(store_url(settings))
        assembly = assemble(settings, url)
        supervisor = assembly.supervisor
        stack.push(lambda kind, *_: supervisor.stop(quick=kind is not None))
        assembly.start()
        output.say(f"page: {supervisor.url}")
        until = None if duration is None else time.monotonic() + duration.total_seconds()
        with View(output, supervisor.status, supervisor.url) as view:
            while not signals.asked.is_set() and (until is None or time.monotonic() < until):
                view.refresh()
                supervisor.raise_failure()
                supervisor.wait(0.25)
        total = supervisor.pulse.total()
    output.result({"url": supervisor.url, **asdict(total)})
    return 0


@contextmanager
def store_url(settings: Settings) -> Iterator[str]:
    """Where the source is; the embedded store of a demo folder runs as long as the block."""
    if settings.source.kind != "demo":
        yield settings.source_url
        return
    from tillstream.simulate.server import EmbeddedPostgres

    store = EmbeddedPostgres(settings.folder / "postgres")
    try:
        yield store.start()
    finally:
        store.stop()
