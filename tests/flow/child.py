"""A process of its own that pumps a made-up log into an embedded warehouse, to be killed while it does.

`python -m tests.flow.child FOLDER run` takes all there is; `… check` compares the end with the model and
prints `exact`. Both make the same log from the same seed.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter

from tests.destinations.rows import Row, Texts
from tests.flow.crashes import run_to_end
from tests.flow.ends import ClickHouseMirrors, bronze_counts, check_end
from tests.flow.histories import EVENTS, LINES, ORDERS, History, Model
from tests.flow.log import Log
from tillstream.change import Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger
from tillstream.destinations.memory import MemoryLayer
from tillstream.flow.failpoints import arm_from

LINKS = {"lines": ("order_id",)}
TRANSACTIONS = 200


def history(seed: int) -> History:
    """A long life: orders come, change, move and go; each has lines; events pile up."""
    chance = random.Random(seed)
    model = Model(events=[{"name": "start", "amount": str(number)} for number in range(50)])
    snapshot = [(EVENTS, "".join(f"start\t{number}\n" for number in range(50)).encode())]
    transactions = [_transaction(chance, model, 101 + place) for place in range(TRANSACTIONS)]
    counts = Counter({"events": 50})
    for rows in transactions:
        counts.update(table.name for table, _ in rows)
    return History(Log(snapshot, transactions, batch_size=10), model, dict(counts))


def _transaction(chance: random.Random, model: Model, lsn: int) -> list[tuple[Table, Row]]:
    rows: list[tuple[Table, Row]] = []
    for index in range(chance.randint(1, 6)):
        after = 2 * index + 1
        key = (str(chance.randint(1, 60)),)
        if key not in model.orders:
            model.orders[key] = {"id": key[0], "total": f"{index}.25", "note": "x" * 40, "tags": '{"a b"}'}
            rows.append((ORDERS, Row(lsn, "I", dict(model.orders[key]), after)))
        elif chance.random() < 0.2:
            del model.orders[key]
            rows.append((ORDERS, Row(lsn, "D", {"id": key[0]}, 2 * index)))
        elif chance.random() < 0.2:
            moved = (f"{lsn}{index}00",)
            row = model.orders[moved] = model.orders.pop(key) | {"id": moved[0]}
            rows.append((ORDERS, Row(lsn, "D", {"id": key[0]}, 2 * index)))
            rows.append((ORDERS, _update(row, lsn, after)))
        else:
            model.orders[key]["total"] = f"{lsn}.10"
            rows.append((ORDERS, _update(model.orders[key], lsn, after)))
    line = {"order_id": str(lsn), "number": "1", "product": "p", "note": None}
    model.lines[str(lsn), "1"] = line
    event: Texts = {"name": "same", "amount": "1"}
    model.events.append(event)
    rows += [(LINES, Row(lsn, "I", dict(line), 101)), (EVENTS, Row(lsn, "I", dict(event), 103))]
    return rows


def _update(row: Texts, lsn: int, ordinal: int) -> Row:
    return Row(lsn, "U", {**row, "note": None, "tags": None}, ordinal, ("note", "tags"))


def main(folder: str, verb: str) -> None:
    """Run or check. A kill may come at any moment of a run."""
    warehouse = Warehouse(f"chdb://{folder}")
    destination = ClickHouseDestination(warehouse, LINKS, "store")
    ledger = ClickHouseLedger(warehouse)
    made = history(seed=1)
    mirrors = ClickHouseMirrors(warehouse)
    layer = MemoryLayer(mirrors)
    layer.ready = False
    if verb == "run":
        arm_from(os.environ.get("TILL_FAILPOINT", ""))
        sys.stdout.write("running\n")
        sys.stdout.flush()
        run_to_end(made.log, destination, ledger, layer)
    else:
        layer.totals.update({of.name: len(made.model.rows(of)) for of in (ORDERS, LINES, EVENTS)})
        check_end(made, mirrors, layer, bronze_counts(destination, range(1, ledger.last_number("store") + 1)))
        linked = warehouse.value("select count() from mirror.links final where link = 'lines.order_id'")
        assert linked == TRANSACTIONS
        sys.stdout.write("exact\n")
    destination.close()
    warehouse.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
