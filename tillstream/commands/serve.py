"""`till serve`: the page and the endpoint, and no pump: of a warehouse that other processes fill."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tillstream.commands.output import Output
from tillstream.commands.signals import Interrupted, orderly
from tillstream.config import environment, load
from tillstream.flow.folder import Role, announce, hold, withdraw


def serve(folder: Path, duration: timedelta | None, output: Output) -> int:
    """Serve until a signal comes or the time is over."""
    from tillstream.assembly.serving import Serving

    settings = load(folder, environment())
    with orderly() as signals, hold(settings.folder, Role.SERVE):
        serving = Serving(settings)
        try:
            url = serving.start()
            announce(settings.folder, url, serving.token, Role.SERVE)
            output.say(f"page: {url}")
            signals.asked.wait(None if duration is None else duration.total_seconds())
        except Interrupted:
            return 2
        finally:
            withdraw(settings.folder, Role.SERVE)
            serving.stop()
    output.result({"url": url})
    return 0
