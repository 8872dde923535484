"""`till load`: the stream into the warehouse, and the page."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from tillstream.commands.capture import require_stream
from tillstream.commands.output import Output
from tillstream.commands.run import attended, known_store_url
from tillstream.config import environment
from tillstream.config import load as settings_of
from tillstream.flow.folder import Role, Running, running
from tillstream.settings import Settings

if TYPE_CHECKING:
    from tillstream.assembly.whole import Assembly


def load(folder: Path, duration: timedelta | None, output: Output) -> int:
    """Run until a signal comes, the time is over, or something breaks."""
    settings = settings_of(folder, environment())
    require_stream(settings)

    def assembled(_stack: ExitStack) -> Assembly:
        from tillstream.assembly.whole import assemble_load

        return assemble_load(settings, known_store_url(settings), warehouse=served_warehouse(settings))

    return attended(settings, (Role.LOAD,), duration, output, assembled)


def served_warehouse(settings: Settings) -> str:
    """Where the embedded warehouse is when a `till serve` of the folder has it open; else nothing."""
    process = running(settings.folder, Role.SERVE)
    if process is None or not settings.warehouse_url.startswith("chdb:"):
        return ""
    return url_of(process)


def url_of(process: Running) -> str:
    """A serving process as a warehouse."""
    return f"clickhouse://till:{quote(process.token, safe='')}@{urlsplit(process.url).netloc}"
