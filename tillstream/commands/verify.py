"""`till verify`: compare every layer with the one above it, and mend on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tillstream.commands.client import Client
from tillstream.commands.output import Output, grid
from tillstream.commands.run import known_store_url, store_url
from tillstream.commands.signals import orderly
from tillstream.config import environment, load
from tillstream.errors import MomentMissed
from tillstream.flow.folder import Role, hold, running
from tillstream.settings import Settings
from tillstream.watch.events import silent

if TYPE_CHECKING:
    from tillstream.assembly.whole import Assembly

EXACT, DIFFERENT, NOT_COMPARED = 0, 1, 2
# A pipeline that was stopped for long has to catch up before it can be compared.
CATCH_UP = 3600.0
LISTED = 20


def verify(folder: Path, output: Output, *, repair: bool) -> int:
    """0 exact, 1 different, 2 could not compare (an error, which the caller shows)."""
    process = running(folder)
    if process is not None:
        report = Client(process).act("verify", {"repair": repair})
    else:
        report = _here(folder, output, repair=repair)
    show_report(report, output)
    output.result(report)
    return EXACT if report["exact"] else DIFFERENT


def _here(folder: Path, output: Output, *, repair: bool) -> dict[str, Any]:
    """Nothing runs: bring the pipeline up without a page, let it catch up, compare, and end it."""
    from tillstream.assembly.store import log_end

    settings = load(folder, environment())
    with ExitStack() as stack:
        stack.enter_context(orderly())
        stack.enter_context(hold(settings.folder))
        assembly, url = _assembled(settings, stack)
        supervisor = assembly.supervisor
        try:
            assembly.start()
            output.say("catching up with the store")
            if not supervisor.drain(log_end(url), CATCH_UP):
                supervisor.raise_failure()
                raise MomentMissed(f"the pipeline did not catch up within {CATCH_UP:.0f} s", hint="till status")
            output.say("comparing")
            return assembly.verify(repair=repair).as_json()
        finally:
            assembly.stop()


def _assembled(settings: Settings, stack: ExitStack) -> tuple[Assembly, str]:
    """The pipeline, and where the store is. A capture that runs already, here or elsewhere, is left alone."""
    from tillstream.assembly.store import is_followed
    from tillstream.assembly.whole import assemble, assemble_load

    if settings.stream.url is None:
        url = stack.enter_context(store_url(settings))
        return assemble(settings, url, silent), url
    if running(settings.folder, Role.CAPTURE) is not None:
        url = known_store_url(settings)
        return assemble_load(settings, url, silent), url
    stack.enter_context(hold(settings.folder, Role.CAPTURE))
    url = stack.enter_context(store_url(settings))
    with_capture = not is_followed(url, settings.source.slot)
    return assemble_load(settings, url, silent, with_capture=with_capture), url


def show_report(report: Mapping[str, Any], output: Output) -> None:
    """Each table with its verdict, then the first differences, one by one."""
    tables: Sequence[Mapping[str, Any]] = report["tables"]
    rows = [
        (
            table["layer"],
            table["table"],
            f"{table['rows']:,}",
            "exact" if table["exact"] else "different",
            _repaired(table),
        )
        for table in tables
    ]
    output.show(grid(("layer", "table", "rows", "verdict", ""), rows, right=(2,)))
    for difference in report["differences"][:LISTED]:
        where = f"{difference['layer']}.{difference['table']} {difference['range']} {difference['key']}".rstrip()
        values = f"expected {_said(difference['expected'])}, found {_said(difference['found'])}"
        output.say(f"{where} {difference['column']}: {values}", "red")
    more = len(report["differences"]) - LISTED
    if more > 0:
        output.say(f"… and {more:,} more; --json lists them")
    if report["exact"]:
        output.say(f"exact at log position {report['lsn']}", "green")
    else:
        output.say("different; `till verify --repair` mends it", "bold red")


def _repaired(table: Mapping[str, Any]) -> str:
    return f"{table['repaired_rows']:,} repaired" if table["repaired_rows"] else ""


def _said(value: str | None) -> str:
    return "no row" if value is None else f'"{value}"'
