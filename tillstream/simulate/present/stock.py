"""Stock leaves with orders, comes back with them, is bought in and counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tillstream.simulate.present.state import Line, Order, World
from tillstream.simulate.present.statements import insert, tuple_of

_MOVE = "id, variant_id, warehouse_id, order_id, reason, quantity, moved_at"
_LEVEL = "variant_id, warehouse_id, on_hand, updated_at"
_LOW = 8


def move_stock(
    world: World, order: Order, reason: str, now: datetime, lines: Sequence[Line] | None = None
) -> list[str]:
    """The goods of an order leave the warehouse for a sale; for any other reason they come back."""
    direction = -1 if reason == "sale" else 1
    moves = {line.variant: direction * line.quantity for line in (order.lines if lines is None else lines)}
    rows = [
        (world.numbers.next("stock_moves"), variant, order.warehouse, order.id, reason, quantity, now)
        for variant, quantity in moves.items()
    ]
    return [insert("stock_moves", _MOVE, *rows), _levels(world, order.warehouse, moves, now)]


def restock(world: World, now: datetime) -> list[str]:
    """Something that runs low is bought in; when nothing does, anything."""
    shelf = world.shelf
    if shelf.running_low:
        variant, warehouse = shelf.running_low.popleft()
    else:
        variant, warehouse = world.random.choice(shelf.variant_ids), world.random.choice(world.town.warehouses)
    return _single_move(world, (variant, warehouse), "restock", 20 + world.below(100), now)


def count(world: World, now: datetime) -> list[str]:
    """Somebody counted, and it was not what the books said."""
    cell = world.random.choice(world.shelf.variant_ids), world.random.choice(world.town.warehouses)
    return _single_move(world, cell, "correction", world.random.choice((-3, -2, -1, -1, 1, 2)), now)


def _single_move(world: World, cell: tuple[int, int], reason: str, quantity: int, now: datetime) -> list[str]:
    variant, warehouse = cell
    row = (world.numbers.next("stock_moves"), variant, warehouse, None, reason, quantity, now)
    return [insert("stock_moves", _MOVE, row), _levels(world, warehouse, {variant: quantity}, now)]


def _levels(world: World, warehouse: int, moves: dict[int, int], now: datetime) -> str:
    # Sorted: two transactions that touch the same rows never wait for each other in a circle.
    for variant, quantity in moves.items():
        cell = (variant, warehouse)
        before = world.shelf.on_hand.get(cell, 0)
        world.shelf.on_hand[cell] = before + quantity
        if before > _LOW >= before + quantity:
            world.shelf.running_low.append(cell)
    rows = ", ".join(tuple_of((variant, warehouse, quantity, now)) for variant, quantity in sorted(moves.items()))
    return (
        f"insert into stock_levels as level ({_LEVEL}) values {rows} on conflict (variant_id, warehouse_id)"
        " do update set on_hand = level.on_hand + excluded.on_hand, updated_at = excluded.updated_at"
    )
