"""Which transactions there are, and how often each happens."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from tillstream.simulate.present import carts, fulfilment, orders, people, shelf, stock
from tillstream.simulate.present.state import World

Action = Callable[[World, datetime], list[str] | None]

# How often out of about a thousand. An action that finds nothing to do leaves its turn to the first.
MIX: dict[str, tuple[int, Action]] = {
    "fill cart": (190, carts.fill),
    "change cart": (110, carts.change),
    "abandon cart": (35, carts.abandon),
    "clean up carts": (15, carts.clean_up),
    "place order": (150, orders.place),
    "advance order": (400, fulfilment.advance),
    "remove line": (5, orders.remove_line),
    "delete order": (1, orders.delete),
    "send back": (5, fulfilment.send_back),
    "refund all": (2, fulfilment.refund_all),
    "refund part": (5, fulfilment.refund_part),
    "settle refund": (2, fulfilment.settle_refund),
    "sign up": (30, people.sign_up),
    "undo sign up": (2, people.undo_sign_up),
    "add address": (5, people.add_address),
    "move": (8, people.move),
    "edit account": (8, people.edit_account),
    "erase customer": (3, people.erase),
    "restock": (20, stock.restock),
    "count stock": (3, stock.count),
    "change price": (12, shelf.change_price),
    "edit description": (5, shelf.edit_description),
    "edit product": (5, shelf.edit_product),
    "retire product": (1, shelf.retire),
    "tag product": (5, shelf.tag),
    "launch product": (1, shelf.launch),
    "publish code": (1, shelf.publish_code),
}
_ROLLED_BACK = {"undo sign up"}
_NAMES = tuple(MIX)
_WEIGHTS = list(accumulate(weight for weight, _ in MIX.values()))


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction: what kind it is, its SQL from `begin` to `commit` or `rollback`, and which of both."""

    kind: str
    sql: str
    commits: bool = True


def next_transaction(world: World, now: datetime) -> Transaction:
    """Choose what happens next, and believe that it did."""
    kind = _NAMES[bisect(_WEIGHTS, world.below(_WEIGHTS[-1]))]
    statements = MIX[kind][1](world, now)
    if statements is None:
        kind = _NAMES[0]
        statements = carts.fill(world, now)
    commits = kind not in _ROLLED_BACK
    return Transaction(kind, f"begin; {'; '.join(statements)}; {'commit' if commits else 'rollback'};\n", commits)
