"""`till demo`: a living store, its pipeline and its page, in one folder, and the proof at the end."""

from __future__ import annotations

import time
import webbrowser
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tillstream.commands.history import prepare
from tillstream.commands.output import Output, grid
from tillstream.commands.signals import Interrupted, Signals, orderly
from tillstream.commands.simulator import Pace, Simulator, await_predecessor
from tillstream.commands.view import View, milliseconds
from tillstream.config import environment, load
from tillstream.errors import ConfigError, TillError
from tillstream.flow.folder import hold
from tillstream.flow.supervisor import Supervisor
from tillstream.simulate.history import Sizes
from tillstream.watch.events import log_to, what_to_look_at

if TYPE_CHECKING:
    from tillstream.assembly.whole import Assembly

EXACT, DIFFERENT, NOT_COMPARED = 0, 1, 2
DRAIN = 120.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for."""

    folder: Path
    duration: timedelta | None
    pace: Pace
    sizes: Sizes
    browser: bool
    # The brokers that changes go through; none: straight to the warehouse.
    stream: str = ""


@dataclass(slots=True)
class Outcome:
    """What the demo came to; `exact` is None when nothing could be compared."""

    exact: bool | None = None
    rows: int = 0
    changes: int = 0
    transactions: int = 0
    changes_per_second: float = 0.0
    freshness_p50_ms: float | None = None
    freshness_p99_ms: float | None = None
    drained: bool = False
    seconds: float = 0.0
    url: str = ""
    differences: int = 0
    problem: str = ""

    @property
    def exit_status(self) -> int:
        return {True: EXACT, False: DIFFERENT, None: NOT_COMPARED}[self.exact]


def demo(wishes: Wishes, output: Output) -> int:
    """Run the demo to its end; the exit status says whether every number was right."""
    outcome = Outcome()
    begun = time.monotonic()
    with orderly() as signals, hold(wishes.folder):
        try:
            _run(wishes, output, signals, outcome)
        except Interrupted:
            outcome.problem = "interrupted"
            output.say("stopped at once; the next start puts everything right", "yellow")
        except TillError as error:
            outcome.problem = error.message
            output.result(asdict(outcome))
            raise
    outcome.seconds = round(time.monotonic() - begun, 1)
    _summary(outcome, output)
    return outcome.exit_status


def _run(wishes: Wishes, output: Output, signals: Signals, outcome: Outcome) -> None:
    from tillstream.assembly.whole import assemble
    from tillstream.simulate.server import EmbeddedPostgres

    chosen = {"TILL_STREAM_URL": wishes.stream} if wishes.stream else {}
    settings = load(wishes.folder, {**environment(), **chosen})
    if settings.source.kind != "demo" and (wishes.folder / "till.toml").exists():
        raise ConfigError(
            f'folder "{wishes.folder}" belongs to a pipeline of your own',
            detail=f"Its till.toml has source.kind = {settings.source.kind}.",
            hint="till demo --dir .till-demo",
        )
    with ExitStack() as stack:
        output.say("starting the store's PostgreSQL")
        store = EmbeddedPostgres(settings.folder / "postgres")
        stack.callback(store.stop)
        url = store.start()
        await_predecessor(url)
        prepare(url, wishes.sizes, wishes.pace.seed, output)
        if signals.asked.is_set():
            return
        simulator = Simulator(url, wishes.pace, settings.folder / "simulator.log")
        stack.callback(simulator.stop)
        assembly = assemble(settings, url, what_to_look_at(log_to(form=settings.log.format)))
        supervisor = assembly.supervisor
        stack.push(lambda kind, *_: assembly.stop(quick=kind is not None))
        assembly.start()
        outcome.url = supervisor.url
        output.say(f"page: {supervisor.url}", "bold")
        if wishes.browser and output.is_terminal:
            webbrowser.open(supervisor.url)
        _watch(wishes, output, signals, (supervisor, simulator))
        simulator.stop()
        _finish(output, assembly, url, outcome)


def _watch(wishes: Wishes, output: Output, signals: Signals, running: tuple[Supervisor, Simulator]) -> None:
    """Show the flow until the time is over, a signal comes, or something breaks. Time counts from live."""
    supervisor, simulator = running
    with View(output, supervisor.status, supervisor.url) as view:
        until: float | None = None
        while not signals.asked.is_set():
            view.refresh()
            supervisor.raise_failure()
            simulator.check()
            if supervisor.live and until is None and wishes.duration is not None:
                until = time.monotonic() + wishes.duration.total_seconds()
            if until is not None and time.monotonic() >= until:
                return
            supervisor.wait(0.25)


def _finish(output: Output, assembly: Assembly, url: str, outcome: Outcome) -> None:
    """The store is quiet: let everything land, and compare."""
    from tillstream.assembly.store import log_end

    supervisor = assembly.supervisor
    output.say("the store is quiet; waiting for the last changes")
    outcome.drained = supervisor.drain(log_end(url), DRAIN)
    supervisor.raise_failure()
    _count(supervisor, outcome)
    if not outcome.drained:
        outcome.problem = f"the last changes did not land within {DRAIN:.0f} s"
        return
    output.say("comparing every table with the store")
    try:
        report = assembly.verify()
    except TillError as error:
        outcome.problem = error.message
        output.error(error)
        return
    outcome.exact, outcome.differences = report.exact, len(report.differences)


def _count(supervisor: Supervisor, outcome: Outcome) -> None:
    total = supervisor.pulse.total()
    outcome.rows = total.snapshot_rows + total.changes
    outcome.changes, outcome.transactions = total.changes, total.transactions
    outcome.changes_per_second = round(total.changes_per_second, 1)
    outcome.freshness_p50_ms, outcome.freshness_p99_ms = (
        _rounded(total.freshness_p50_ms),
        _rounded(total.freshness_p99_ms),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _summary(outcome: Outcome, output: Output) -> None:
    verdict = {
        True: "exact: every table, fact and rollup equals the store",
        False: f"different: {outcome.differences} values, see `till verify`",
        None: f"not compared: {outcome.problem or 'stopped before there was anything to compare'}",
    }[outcome.exact]
    rows = [
        ("rows", f"{outcome.rows:,}"),
        ("changes", f"{outcome.changes:,} in {outcome.transactions:,} transactions"),
        ("changes a second", f"{outcome.changes_per_second:,.0f}"),
        ("fresh within", f"{milliseconds(outcome.freshness_p50_ms)} p50, {milliseconds(outcome.freshness_p99_ms)} p99"),
        ("verdict", verdict),
    ]
    output.show(grid(("", ""), rows))
    content: dict[str, Any] = asdict(outcome)
    output.result(content)
