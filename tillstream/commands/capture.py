"""`till capture`: the store's changes into the stream, and nothing else."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tillstream.commands.output import Output
from tillstream.commands.run import attended, store_url
from tillstream.config import environment, load
from tillstream.errors import ConfigError
from tillstream.flow.folder import Role
from tillstream.settings import Settings

if TYPE_CHECKING:
    from tillstream.assembly.whole import Assembly


def capture(folder: Path, duration: timedelta | None, port: int, output: Output) -> int:
    """Run until a signal comes, the time is over, or something breaks."""
    settings = load(folder, environment())
    require_stream(settings)
    if settings.source.kind == "kafka":
        raise ConfigError(
            "there is nothing to capture for a store that comes from topics",
            detail=f'source.kind from {settings.origins["source.kind"]} is "kafka": somebody else writes them.',
            hint="till load",
        )
    if settings.source.kind == "postgres":
        _ = settings.source_url

    def assembled(stack: ExitStack) -> Assembly:
        from tillstream.assembly.whole import assemble_capture

        return assemble_capture(settings, stack.enter_context(store_url(settings)), port=port)

    return attended(settings, (Role.CAPTURE,), duration, output, assembled)


def require_stream(settings: Settings) -> None:
    """Raise ConfigError when no stream is set."""
    if settings.stream.url is None:
        raise ConfigError(
            f'no stream in "{settings.folder / "till.toml"}"',
            detail="The setting stream.url is not set: changes go straight to the warehouse.",
            hint='[stream] url = "kafka://host:9092", or `till run` for both in one process.',
        )
