"""`till run`: everything a till.toml asks for in one process, until somebody stops it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tillstream.commands.output import Output
from tillstream.commands.signals import Interrupted, Signals, orderly
from tillstream.commands.view import View
from tillstream.config import environment, load
from tillstream.flow.folder import Role, hold
from tillstream.settings import Settings

if TYPE_CHECKING:
    from tillstream.assembly.whole import Assembly


def run(folder: Path, duration: timedelta | None, output: Output) -> int:
    """Run until a signal comes, the time is over, or something breaks."""
    settings = load(folder, environment())
    if settings.source.kind == "postgres":
        _ = settings.source_url

    def assembled(stack: ExitStack) -> Assembly:
        from tillstream.assembly.whole import assemble

        return assemble(settings, stack.enter_context(store_url(settings)))

    return attended(settings, roles_of(settings), duration, output, assembled)


def roles_of(settings: Settings) -> tuple[Role, ...]:
    """What a process is that does everything in the folder."""
    return (Role.LOAD,) if settings.stream.url is None else (Role.LOAD, Role.CAPTURE)


def attended(
    settings: Settings,
    roles: Sequence[Role],
    duration: timedelta | None,
    output: Output,
    assembled: Callable[[ExitStack], Assembly],
) -> int:
    """Hold the folder, start what `assembled` puts together, show it, and end it in order."""
    with ExitStack() as stack:
        signals = stack.enter_context(orderly())
        for role in roles:
            stack.enter_context(hold(settings.folder, role))
        try:
            return _attended(assembled, duration, output, signals)
        except Interrupted:
            output.say("stopped at once; the next start puts everything right", "yellow")
            return 2


def _attended(
    assembled: Callable[[ExitStack], Assembly], duration: timedelta | None, output: Output, signals: Signals
) -> int:
    with ExitStack() as stack:
        assembly = assembled(stack)
        supervisor = assembly.supervisor
        stack.push(lambda kind, *_: assembly.stop(quick=kind is not None))
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
    """Where the source is; the embedded store of a demo folder runs as long as the block. Topics have no such place."""
    if settings.source.kind != "demo":
        yield "" if settings.source.kind == "kafka" else settings.source_url
        return
    from tillstream.simulate.server import EmbeddedPostgres

    store = EmbeddedPostgres(settings.folder / "postgres")
    try:
        yield store.start()
    finally:
        store.stop()


def known_store_url(settings: Settings) -> str:
    """Where the source is, if that is known here; nothing is started."""
    if settings.source.kind == "demo":
        from tillstream.simulate.server import EmbeddedPostgres

        return EmbeddedPostgres(settings.folder / "postgres").url
    return settings.source.url.reveal() if settings.source.url and settings.source.kind == "postgres" else ""
