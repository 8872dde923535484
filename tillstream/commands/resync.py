"""`till resync`: forget how far the store was read, so that the next start reads everything again."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tillstream.commands.output import Output
from tillstream.commands.run import roles_of, store_url
from tillstream.commands.signals import orderly
from tillstream.config import environment, load
from tillstream.flow.folder import hold
from tillstream.watch.events import silent


def resync(folder: Path, output: Output) -> int:
    """Empty the mirror and forget the position; bronze keeps all it has. Refused while a process runs."""
    from tillstream.assembly.whole import assemble

    settings = load(folder, environment())
    with ExitStack() as stack:
        stack.enter_context(orderly())
        for role in roles_of(settings):
            stack.enter_context(hold(settings.folder, role))
        assembly = assemble(settings, stack.enter_context(store_url(settings)), silent)
        try:
            names = assembly.begin_anew()
        finally:
            assembly.stop()
    output.say(f"{len(names)} tables will be read again at the next start: till run --dir {folder}")
    output.result({"tables": names})
    return 0
