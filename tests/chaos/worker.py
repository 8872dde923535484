"""Runs pipelines in processes that are meant to be killed: `python -m tests.chaos.worker`.

Nearly everything is imported once, here; each order then forks a process that opens the warehouse, recovers and
flows within a second. The engine, and what imports it, is loaded after the fork only: its threads would not survive.

Orders are JSON lines on standard input; answers are JSON lines on standard output: {"pid": …} when the process has
begun, whatever it has to say, and {"ended": status} when it is gone.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

# For the processes to come; this one has no use for them.
import pandas  # noqa: F401
import starlette.routing  # noqa: F401
import uvicorn  # noqa: F401

from tests.chaos.look import looked
from tillstream.config import load
from tillstream.flow.failpoints import arm_from
from tillstream.flow.folder import hold
from tillstream.watch.events import log_to

if TYPE_CHECKING:
    from tillstream.assembly.whole import Assembly

DRAINED_WITHIN = 120.0
_DIE_WITH_PARENT = 1


def main() -> None:
    """Carry out one order after the other until standard input ends."""
    die_with_parent()
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if process == 0:
            carry_out(order)
        answer({"pid": process})
        _, status = os.waitpid(process, 0)
        answer({"ended": os.waitstatus_to_exitcode(status)})


def carry_out(order: dict[str, Any]) -> None:
    """In the process to be killed: do what the order says, and end without tidying up."""
    die_with_parent()
    folder = Path(order["folder"])
    try:
        with hold(folder), (folder / "chaos.log").open("a", buffering=1) as log:
            if order["do"] == "look":
                answer({"seen": looked(folder, order["number"])})
            else:
                from tillstream.assembly.whole import assemble

                settings = load(folder, {"TILL_SOURCE_KIND": "postgres", "TILL_SOURCE_URL": order["url"]})
                assembly = assemble(settings, order["url"], log_to(log))
                arm_from(order.get("failpoint", ""))
                flow(assembly, order)
    except BaseException:
        answer({"error": traceback.format_exc()})
        os._exit(1)
    os._exit(0)


def flow(assembly: Assembly, order: dict[str, Any]) -> None:
    """Run the pipeline: until it is killed, or until everything has landed and is compared."""
    from tillstream.assembly.store import log_end

    supervisor = assembly.supervisor
    if supervisor.pipeline.layer.ready:
        supervisor.start()
    else:
        assembly.start()
    if order["do"] == "settle":
        if not supervisor.drain(log_end(order["store"]), DRAINED_WITHIN):
            supervisor.raise_failure()
            raise TimeoutError(f"not drained: {supervisor.status()}")
        report = assembly.verify()
        last = supervisor.pipeline.ledger.last_done(supervisor.pump.stream)
        answer({"report": report.as_json(), "number": last.number if last else 0})
        supervisor.stop()
        supervisor.raise_failure()
        return
    while not supervisor.wait(60):
        pass
    supervisor.raise_failure()


def answer(content: dict[str, Any]) -> None:
    """One line, at once."""
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def die_with_parent() -> None:
    """Leave no process behind when a test run is broken off."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


if __name__ == "__main__":
    main()
