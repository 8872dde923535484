"""`till simulate`: let a store live, here or anywhere its schema is."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from datetime import timedelta

from tillstream.commands.output import Output
from tillstream.commands.signals import Interrupted, orderly
from tillstream.commands.simulator import URL_VARIABLE, Pace
from tillstream.config import environment
from tillstream.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Life:
    """Whose life, how fast, how long."""

    url: str | None
    pace: Pace
    duration: timedelta | None
    while_stdin_is_open: bool = False


def simulate(life: Life, output: Output) -> int:
    """Make things happen in the store until the time is over or a signal comes."""
    from tillstream.simulate.life import live

    url = life.url or environment().get(URL_VARIABLE)
    if not url:
        raise ConfigError("no store to simulate", hint="till simulate --url postgresql://user@host/database")
    with orderly() as signals:
        if life.while_stdin_is_open:
            threading.Thread(target=_wait_for_end, args=(signals.asked,), daemon=True).start()
        try:
            done = live(url, life.pace, life.duration, signals.asked)
        except Interrupted:
            return 2
    output.say(f"{done.transactions:,} transactions")
    output.result({"transactions": done.transactions})
    return 0


def _wait_for_end(asked: threading.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    asked.set()
