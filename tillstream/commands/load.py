"""`till load`: the stream into the warehouse, and the page."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tillstream.commands import lanes
from tillstream.commands.capture import require_stream
from tillstream.commands.output import Output
from tillstream.commands.run import attended, known_store_url
from tillstream.commands.serve import served_warehouse
from tillstream.config import environment
from tillstream.config import load as settings_of
from tillstream.flow.folder import Role

if TYPE_CHECKING:
    from tillstream.assembly.whole import Assembly


def load(folder: Path, duration: timedelta | None, output: Output) -> int:
    """Run until a signal comes, the time is over, or something breaks."""
    settings = settings_of(folder, environment())
    require_stream(settings)
    if settings.stream.lanes > 1:
        return lanes.load(settings, duration, output)

    def assembled(_stack: ExitStack) -> Assembly:
        from tillstream.assembly.whole import assemble_load

        return assemble_load(settings, known_store_url(settings), warehouse=served_warehouse(settings))

    return attended(settings, (Role.LOAD,), duration, output, assembled)
