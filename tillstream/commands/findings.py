"""Checks and how they are shown: for `till init` and `till doctor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from tillstream.commands.output import Output
from tillstream.errors import TillError
from tillstream.ports import Finding
from tillstream.settings import Settings


def checked_source(settings: Settings, url: str | None = None) -> list[Finding]:
    """What the source says about itself; an error while asking is a finding too."""
    from tillstream.assembly.store import open_source

    try:
        source = open_source(settings, url or settings.source_url)
        try:
            return source.check()
        finally:
            source.close()
    except TillError as error:
        return [failed("source", error)]


def failed(subject: str, error: TillError) -> Finding:
    """An error as a finding."""
    message = f"{error.message} ({error.detail})" if error.detail else error.message
    return Finding(subject, False, message, error.hint)


def show_groups(groups: Mapping[str, Sequence[Finding]], output: Output) -> None:
    """Findings under the name of what they are about."""
    width = max((len(each.subject) for found in groups.values() for each in found), default=0)
    for name, found in groups.items():
        output.say(name, "bold")
        show_findings(found, output, width)
        output.say("")


def show_findings(findings: Sequence[Finding], output: Output, width: int = 0) -> None:
    """✓ or ✗, what was looked at, what was found, and the fix below it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=width)
    table.add_column(overflow="fold")
    for finding in findings:
        mark = Text("✓", "green") if finding.ok else Text("✗", "bold red")
        table.add_row(mark, Text(finding.subject), Text(finding.message))
        if not finding.ok and finding.hint:
            table.add_row("", "", Text(f"→ {finding.hint}", "bold"))
    output.show(table)
