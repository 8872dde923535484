"""What commands print: results to standard output, everything else out of their way.

With `--json`, standard output carries nothing but JSON, and words go to standard error.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tillstream.errors import TillError

# Seconds between lines where nothing can be drawn in place.
LINE_EVERY = 5.0


class Output:
    """Two consoles and the choice between words and JSON."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.errors = _console(sys.stderr)
        self.words = self.errors if as_json else _console(sys.stdout)

    @property
    def is_terminal(self) -> bool:
        """True when somebody watches: drawing in place is welcome."""
        return self.words.is_terminal

    def say(self, text: str, style: str = "") -> None:
        """One line of words; markup in it means nothing."""
        self.words.print(Text(text, style=style))

    def show(self, table: Table) -> None:
        """A table."""
        self.words.print(table)

    def text(self, text: str) -> None:
        """A text that is the result itself, as it is."""
        if not self.as_json:
            sys.stdout.write(text)
            sys.stdout.flush()

    def result(self, content: Any) -> None:
        """The machine-readable result, one line, when it was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(content, ensure_ascii=False, default=str) + "\n")
            sys.stdout.flush()

    def error(self, error: TillError) -> None:
        """What is wrong, the facts, and what to do."""
        show_error(self.errors, error)

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[float, str], None]]:
        """A bar while the block runs; yields `update(fraction, what)`. Without a terminal: a line now and then."""
        self.say(title)
        if not self.is_terminal:
            yield self._now_and_then()
            return
        columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=self.words, transient=True) as bars:
            task = bars.add_task("", total=1.0)
            yield lambda fraction, what: bars.update(task, completed=fraction, description=what)

    def _now_and_then(self) -> Callable[[float, str], None]:
        said_at = time.monotonic()

        def update(fraction: float, what: str) -> None:
            nonlocal said_at
            if time.monotonic() - said_at >= LINE_EVERY:
                said_at = time.monotonic()
                self.say(f"  {fraction:.0%}: {what}")

        return update


def _console(stream: TextIO) -> Console:
    # Where nobody draws there is no edge to wrap at.
    return Console(file=stream, highlight=False, soft_wrap=True, width=None if stream.isatty() else 200)


def show_error(console: Console, error: TillError) -> None:
    """An error as people read it, in red where there is colour."""
    console.print(Text.assemble(("error: ", "bold red"), (error.message, "red")))
    if error.detail:
        console.print(Text(f"  detail: {error.detail}"))
    if error.hint:
        console.print(Text.assemble("  hint:   ", (error.hint, "bold")))


def grid(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Table:
    """A plain table; the columns numbered in `right` are aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
