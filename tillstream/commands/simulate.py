"""`till simulate`: let a store live, here or anywhere its schema is."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass

from tillstream.commands.history import prepare
from tillstream.commands.output import LINE_EVERY, Output
from tillstream.commands.signals import Interrupted, orderly
from tillstream.commands.simulator import URL_VARIABLE
from tillstream.config import environment
from tillstream.errors import ConfigError
from tillstream.simulate.history import Sizes
from tillstream.simulate.life import Lived, Plan
from tillstream.simulate.life import simulate as live


@dataclass(frozen=True, slots=True)
class Wishes:
    """Whose life, how it goes, and what has to be there before. Without a URL the environment has it."""

    url: str | None
    plan: Plan
    sizes: Sizes | None = None
    while_stdin_is_open: bool = False


def simulate(wishes: Wishes, output: Output) -> int:
    """Make things happen in the store until the time is over or a signal comes."""
    url = wishes.url or environment().get(URL_VARIABLE)
    if not url:
        raise ConfigError("no store to simulate", hint="till simulate --url postgresql://user@host/database")
    with orderly() as signals:
        if wishes.while_stdin_is_open:
            threading.Thread(target=_wait_for_end, args=(signals.asked,), daemon=True).start()
        try:
            if wishes.sizes is not None:
                prepare(url, wishes.sizes, wishes.plan.seed, output)
            lived = live(url, wishes.plan, signals.asked, _Teller(output))
        except Interrupted:
            return 2
    output.say(f"{lived.transactions:,} transactions in {lived.seconds:.0f} s")
    output.result({"transactions": lived.transactions, "seconds": round(lived.seconds, 1), "kinds": dict(lived.kinds)})
    return 0


class _Teller:
    """Says now and then how far it is."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._said_at = 0.0

    def __call__(self, lived: Lived) -> None:
        if lived.seconds - self._said_at >= LINE_EVERY:
            self._said_at = lived.seconds
            self._output.say(f"{lived.transactions:,} transactions, {lived.rate:,.0f}/s")


def _wait_for_end(asked: threading.Event) -> None:
    # Past Python's own buffer: its lock would be held for ever, and an interpreter that ends wants it.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    asked.set()
