"""Stock of the past: what was bought in, what left, and what is left. The levels are the sums of the moves."""

from __future__ import annotations

import numpy as np

from tillstream.simulate import words
from tillstream.simulate.past.fates import NEVER, Fates
from tillstream.simulate.past.sales import Lines, Orders
from tillstream.simulate.past.seasons import DAY, Span
from tillstream.simulate.tables import Columns, Integers, chosen, ids, moments, numbers

_REASONS = ("restock", "sale", "cancellation", "return")
_PERIODS = 13
_SOLD_OUT = 0.035


def make_stock(
    random: np.random.Generator, sales: tuple[Orders, Lines, Fates], variant_count: int, span: Span
) -> tuple[Columns, Columns]:
    """The rows of stock_moves, in the order they happened, and of stock_levels."""
    orders, lines, fates = sales
    warehouse_count = len(words.WAREHOUSES)
    cell = lines.variant * warehouse_count + orders.warehouse[lines.order]
    cells = variant_count * warehouse_count

    sold = (cell, -lines.quantity, orders.placed_at[lines.order], lines.order, np.full(len(cell), 1))
    came_back = [
        (cell[back], lines.quantity[back], moment[lines.order[back]], lines.order[back], np.full(len(back), reason))
        for reason, moment in ((2, fates.cancelled), (3, fates.returned))
        for back in [np.flatnonzero(moment[lines.order] < NEVER)]
    ]
    bought = _restocks(random, cell, sold[2], lines.quantity, (cells, span))
    parts = [bought, sold, *came_back]
    cell_in, quantity, moment, order, reason = (np.concatenate(column) for column in zip(*parts, strict=True))
    by_time = np.argsort(moment, kind="stable")
    cell_in, quantity, moment, order, reason = (part[by_time] for part in (cell_in, quantity, moment, order, reason))

    on_hand = np.zeros(cells, dtype=np.int64)
    np.add.at(on_hand, cell_in, quantity)
    last = np.full(cells, span.start, dtype=np.int64)
    np.maximum.at(last, cell_in, moment)
    moves = {
        "id": ids(len(cell_in)),
        "variant_id": cell_in // warehouse_count + 1,
        "warehouse_id": cell_in % warehouse_count + 1,
        "order_id": numbers(order + 1, order < 0),
        "reason": chosen(_REASONS, reason),
        "quantity": quantity,
        "moved_at": moments(moment),
    }
    levels = {
        "variant_id": np.arange(cells) // warehouse_count + 1,
        "warehouse_id": np.arange(cells) % warehouse_count + 1,
        "on_hand": on_hand,
        "low_stock_threshold": random.integers(2, 9, cells),
        "updated_at": moments(last),
    }
    return moves, levels


def _restocks(
    random: np.random.Generator, cell: Integers, sold_at: Integers, quantity: Integers, whole: tuple[int, Span]
) -> tuple[Integers, Integers, Integers, Integers, Integers]:
    """Before each period, what is going to be sold in it; at the start some more, which remains."""
    cells, span = whole
    length = (span.end - span.start) // _PERIODS + 1
    period = (sold_at - span.start) // length
    wanted = np.zeros((cells, _PERIODS), dtype=np.int64)
    np.add.at(wanted, (cell, period), quantity)
    wanted[:, 0] += np.where(
        random.random(cells) < _SOLD_OUT, random.integers(-2, 1, cells), random.integers(3, 60, cells)
    )
    where, when = np.nonzero(wanted > 0)
    count = len(where)
    moment = span.start + when * length - random.integers(0, DAY // 2, count)
    return where, wanted[where, when], moment, np.full(count, -1), np.zeros(count, dtype=np.int64)
