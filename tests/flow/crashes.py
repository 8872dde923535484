"""Running a pump to the end of its log, through a crash and what comes after it."""

from __future__ import annotations

from tests.flow.log import Log
from tillstream.flow.failpoints import crash_at
from tillstream.flow.pump import Pump
from tillstream.ledger import Ledger
from tillstream.ports import Destination, Layer


def run_to_end(log: Log, destination: Destination, ledger: Ledger, layer: Layer) -> Pump:
    """A new pump, as after a start of the process, recovers and takes all there is."""
    pump = Pump(log, destination, ledger, layer)
    for batch in log.read(pump.recover()):
        for piece in pump.gate.pieces(batch):
            pump.move(piece)
    return pump


def run_with_crash(log: Log, parts: tuple[Destination, Ledger, Layer], failpoint: str, times: int) -> None:
    """One run that crashes there, and a second one that ends."""
    with crash_at(failpoint, times):
        run_to_end(log, *parts)
    run_to_end(log, *parts)
