"""The running pipeline in a terminal: one screen on a terminal, one line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tillstream.commands.output import LINE_EVERY, Output
from tillstream.watch.status import Phase, Status

BARS = " ▁▂▃▄▅▆▇█"


def sparkline(counts: Sequence[int]) -> str:
    """The counts as bars, highest full."""
    highest = max(counts, default=0)
    if not highest:
        return BARS[0] * len(counts)
    return "".join(BARS[-(-count * (len(BARS) - 1) // highest)] for count in counts)


def milliseconds(value: float | None) -> str:
    """As people read it: `85 ms`, `1.2 s`; a dash for nothing."""
    if value is None:
        return "-"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def one_line(status: Status, seconds: float = 0.0) -> str:
    """The state in one line, for logs and pipes; `seconds` is how long it has been in this phase."""
    numbers = status.numbers
    if status.phase is Phase.SNAPSHOT:
        return f"snapshot: {_read(status)}"
    if status.trouble is not None:
        return f"{status.phase}: {status.trouble.message}"
    if status.phase is Phase.LIVE:
        if numbers.freshness_p50_ms is None:
            return "live: waiting for the first change"
        return f"live: {numbers.changes:,} changes, {numbers.changes_per_second:,.0f}/s, fresh within {_fresh(status)}"
    return _waiting(status, seconds)


def _read(status: Status) -> str:
    expected = sum(table.expected or 0 for table in status.tables)
    if status.snapshot_fraction is None:
        return f"{status.numbers.snapshot_rows:,} rows"
    # An estimate of the planner's: what is there may be more.
    expected = max(expected, status.numbers.snapshot_rows)
    return f"{status.numbers.snapshot_rows:,} of about {expected:,} rows, {status.snapshot_fraction:.0%}"


def _fresh(status: Status) -> str:
    numbers = status.numbers
    return f"{milliseconds(numbers.freshness_p50_ms)} p50, {milliseconds(numbers.freshness_p99_ms)} p99"


def _waiting(status: Status, seconds: float) -> str:
    """A phase that has no numbers, and how long it has taken once somebody may wonder."""
    words = f"{status.phase}: dbt builds views, facts and rollups" if status.phase is Phase.DEPLOYING else status.phase
    return f"{words}, {seconds:.0f} s" if seconds >= 1 else str(words)


def screen(status: Status, url: str, seconds: float = 0.0) -> RenderableType:
    """The state as a small dashboard; `seconds` is how long it has been in this phase."""
    numbers = status.numbers
    colour = {Phase.LIVE: "green", Phase.TROUBLE: "yellow", Phase.FAILED: "red"}.get(status.phase, "cyan")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column()
    facts.add_row("page", Text(url, style="bold underline"))
    moving = status.phase in (Phase.LIVE, Phase.SNAPSHOT, Phase.TROUBLE, Phase.FAILED)
    state = str(status.phase) if moving else _waiting(status, seconds)
    facts.add_row("state", Text(state, style=f"bold {colour}"))
    facts.add_row("snapshot", _read(status) if status.phase is Phase.SNAPSHOT else f"{numbers.snapshot_rows:,} rows")
    facts.add_row("changes", f"{numbers.changes:,} in {numbers.transactions:,} transactions")
    facts.add_row("now", f"{numbers.changes_per_second:,.0f} changes/s")
    facts.add_row("fresh within", _fresh(status))
    parts: list[RenderableType] = [facts]
    if status.phase is Phase.SNAPSHOT and status.snapshot_fraction is not None:
        parts.append(ProgressBar(total=1.0, completed=status.snapshot_fraction, width=60))
    if status.phase is Phase.LIVE:
        parts.append(Text(sparkline(numbers.per_second), style=colour))
    if status.trouble is not None:
        parts.append(Text(f"{status.trouble.message}\n{status.trouble.hint}", style="yellow"))
    return Group(*parts)


class View:
    """Shows a pipeline's state for as long as the block runs; call `refresh` a few times a second."""

    def __init__(self, output: Output, status: Callable[[], Status], url: str) -> None:
        self._output = output
        self._status = status
        self._url = url
        self._live = Live(console=output.words, refresh_per_second=4, transient=False) if output.is_terminal else None
        self._phase = ""
        self._began_at = 0.0
        self._said = ""
        self._said_at = 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def refresh(self) -> None:
        """Show what is so now; elsewhere than on a terminal when the phase changes, and every few seconds."""
        status = self._status()
        now = time.monotonic()
        is_new = status.phase != self._phase
        if is_new:
            self._phase, self._began_at = status.phase, now
        if self._live is not None:
            self._live.update(screen(status, self._url, now - self._began_at))
        elif is_new or now - self._said_at >= LINE_EVERY:
            line, self._said_at = one_line(status, now - self._began_at), now
            if line != self._said:
                self._said = line
                self._output.say(line)
