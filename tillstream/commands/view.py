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

from tillstream.commands.output import Output
from tillstream.watch.status import Phase, Status

BARS = " ▁▂▃▄▅▆▇█"
LINE_EVERY = 5.0


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


def one_line(status: Status) -> str:
    """The state in one line, for logs and pipes."""
    numbers = status.numbers
    if status.phase is Phase.SNAPSHOT:
        done = f" {status.snapshot_fraction:.0%}" if status.snapshot_fraction is not None else ""
        return f"snapshot{done}: {numbers.snapshot_rows:,} rows"
    if status.trouble is not None:
        return f"{status.phase}: {status.trouble.message}"
    if status.phase is Phase.LIVE:
        freshness = f"{milliseconds(numbers.freshness_p50_ms)} p50, {milliseconds(numbers.freshness_p99_ms)} p99"
        return f"live: {numbers.changes:,} changes, {numbers.changes_per_second:,.0f}/s, fresh within {freshness}"
    return str(status.phase)


def screen(status: Status, url: str) -> RenderableType:
    """The state as a small dashboard."""
    numbers = status.numbers
    colour = {Phase.LIVE: "green", Phase.TROUBLE: "yellow", Phase.FAILED: "red"}.get(status.phase, "cyan")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column()
    facts.add_row("page", Text(url, style="bold underline"))
    facts.add_row("state", Text(str(status.phase), style=f"bold {colour}"))
    facts.add_row("snapshot", f"{numbers.snapshot_rows:,} rows")
    facts.add_row("changes", f"{numbers.changes:,} in {numbers.transactions:,} transactions")
    facts.add_row("now", f"{numbers.changes_per_second:,.0f} changes/s")
    fresh = f"{milliseconds(numbers.freshness_p50_ms)} p50   {milliseconds(numbers.freshness_p99_ms)} p99"
    facts.add_row("fresh within", fresh)
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
        """Show what is so now; elsewhere than on a terminal every few seconds, and when the phase changes."""
        status = self._status()
        if self._live is not None:
            self._live.update(screen(status, self._url))
            return
        now = time.monotonic()
        if status.phase != self._said or now - self._said_at >= LINE_EVERY:
            self._said, self._said_at = status.phase, now
            self._output.say(one_line(status))
