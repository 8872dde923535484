"""`till serve`: the page and the endpoint, and no pump: of a warehouse that other processes fill."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

from tillstream.commands.output import Output
from tillstream.commands.signals import Interrupted, orderly
from tillstream.config import environment, load
from tillstream.flow.folder import Role, Running, announce, hold, running, withdraw
from tillstream.settings import Settings


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


def served_warehouse(settings: Settings) -> str:
    """Where the embedded warehouse is when a `till serve` of the folder has it open; else nothing."""
    process = running(settings.folder, Role.SERVE)
    if process is None or not settings.warehouse_url.startswith("chdb:"):
        return ""
    return url_of(process)


def url_of(process: Running) -> str:
    """A serving process as a warehouse."""
    return f"clickhouse://till:{quote(process.token, safe='')}@{urlsplit(process.url).netloc}"
