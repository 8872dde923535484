"""A process of its own that pumps a made-up log into a store's topics, to be killed while it does.

`python -m tests.destinations.capturing BOOTSTRAP STORE` takes all there is.
"""

from __future__ import annotations

import os
import sys

from tests.flow.child import history
from tests.flow.crashes import run_to_end
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.destinations.kafka.destination import KafkaDestination
from tillstream.destinations.kafka.ledger import KafkaLedger
from tillstream.destinations.kafka.producing import Producing
from tillstream.destinations.memory import MemoryDestination, MemoryLayer
from tillstream.flow.failpoints import arm_from
from tillstream.kafka.connection import KafkaSettings


def main(bootstrap: str, store: str) -> None:
    """Run. A kill may come at any moment."""
    arm_from(os.environ.get("TILL_FAILPOINT", ""))
    producing = Producing(KafkaSettings(bootstrap, store))
    layer = MemoryLayer(MemoryDestination())
    layer.ready = False
    workbench = Workbench.in_memory()
    sys.stdout.write("running\n")
    sys.stdout.flush()
    run_to_end(history(seed=1).log, KafkaDestination(producing, workbench), KafkaLedger(producing), layer)
    producing.close()
    workbench.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
