"""Every place where a crash is tested, by name.

`TILL_FAILPOINT=name` kills the process with SIGKILL the first time it gets there;
`TILL_FAILPOINT=name:3` the third time. Tests inside one process use `crash_at`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FAILPOINTS = (
    "before_intent",
    "after_intent",
    "during_write",
    "after_write",
    "during_stage",
    "after_stage",
    "during_publish",
    "after_publish",
    "after_done",
    "after_acknowledge",
    "during_reconcile",
)
# Those of a live worker that is a process of its own.
LIVE_FAILPOINTS = ("live_after_intent", "live_after_stage", "live_after_publish", "live_after_done")


class Crash(BaseException):
    """What `crash_at` raises; a BaseException, so that no handler swallows it."""


_armed: dict[str, int] = {}
_act: Callable[[str], None] | None = None


def failpoint(name: str) -> None:
    """Die here if a test asked for it; otherwise do nothing."""
    if name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] > 0:
        return
    del _armed[name]
    if _act is not None:
        _act(name)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def arm(name: str, times: int = 1) -> None:
    """Make the `times`-th passage of a failpoint deadly. KeyError for a name that does not exist."""
    if name not in (*FAILPOINTS, *LIVE_FAILPOINTS):
        raise KeyError(name)
    _armed[name] = times


def arm_from(setting: str) -> None:
    """Arm what `TILL_FAILPOINT` says: `name` or `name:times`; an empty text arms nothing."""
    if setting:
        name, _, times = setting.partition(":")
        arm(name, int(times or 1))


@contextmanager
def crash_at(name: str, times: int = 1) -> Iterator[None]:
    """Within the block, that failpoint raises Crash, and the block swallows it."""
    global _act

    def raise_crash(reached: str) -> None:
        raise Crash(reached)

    _act = raise_crash
    arm(name, times)
    try:
        yield
    except Crash:
        pass
    finally:
        _armed.pop(name, None)
        _act = None
