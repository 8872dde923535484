"""What visitors do with carts."""

from __future__ import annotations

from bisect import bisect
from datetime import datetime
from uuid import UUID

from tillstream.simulate.present.state import Cart, Customer, Variant, World
from tillstream.simulate.present.statements import insert, tuple_of, update

_CART = "id, customer_id, state, created_at, updated_at"
_CART_LINE = "cart_id, variant_id, quantity, added_at"
_QUANTITIES = (1, 1, 1, 1, 1, 1, 1, 2, 2, 3)
_MOST_LINES = 10
_KEPT_OPEN = 150


def fill(world: World, now: datetime) -> list[str]:
    """A new cart with a few things in it."""
    customer = None if world.chance(0.2) else world.customer()
    cart = Cart(str(UUID(int=world.random.getrandbits(128), version=4)), customer, {})
    while not cart.lines or (len(cart.lines) < _MOST_LINES and world.chance(0.58)):
        cart.lines[some_variant(world).id] = world.random.choice(_QUANTITIES)
    world.carts.add(cart)
    return [
        insert("carts", _CART, (cart.id, customer.id if customer else None, "open", now, now)),
        insert("cart_lines", _CART_LINE, *((cart.id, variant, count, now) for variant, count in cart.lines.items())),
    ]


def change(world: World, now: datetime) -> list[str] | None:
    """Something is put into a cart, taken out of it, or wanted more often."""
    if not len(world.carts):
        return None
    cart = world.carts.any(world.random)
    touched = update("carts", cart.id, updated_at=now)
    kind = world.random.random()
    if kind < 0.5 and len(cart.lines) < _MOST_LINES:
        variant = some_variant(world).id
        if variant not in cart.lines:
            cart.lines[variant] = world.random.choice(_QUANTITIES)
            return [insert("cart_lines", _CART_LINE, (cart.id, variant, cart.lines[variant], now)), touched]
    variant = world.random.choice(list(cart.lines))
    where = f"where (cart_id, variant_id) = {tuple_of((cart.id, variant))}"
    if kind < 0.7 and len(cart.lines) > 1:
        del cart.lines[variant]
        return [f"delete from cart_lines {where}", touched]
    cart.lines[variant] += 1
    return [f"update cart_lines set quantity = quantity + 1 {where}", touched]


def abandon(world: World, now: datetime) -> list[str] | None:
    """A cart is given up."""
    if len(world.carts) < _KEPT_OPEN:
        return None
    cart = world.carts.take(world.random)
    world.abandoned.append(cart.id)
    return [update("carts", cart.id, state="abandoned", updated_at=now)]


def clean_up(world: World, now: datetime) -> list[str] | None:  # noqa: ARG001 (every action has the same shape)
    """The oldest abandoned carts are deleted, with what is in them."""
    if len(world.abandoned) < _KEPT_OPEN:
        return None
    gone = [world.abandoned.popleft() for _ in range(1 + world.below(3))]
    return [f"delete from carts where id in {tuple_of(gone)}"]


def some_variant(world: World) -> Variant:
    """Something to buy, more often what is bought often, never what is not sold any more."""
    shelf = world.shelf
    while True:
        place = bisect(shelf.popularity, world.below(shelf.popularity[-1]))
        variant = shelf.variants[shelf.variant_ids[place]]
        if variant.product not in shelf.retired:
            return variant


def owner(world: World, cart: Cart) -> Customer:
    """Who pays for the cart; a visitor turns out to be one of the customers."""
    if cart.customer is None:
        cart.customer = world.customer()
    return cart.customer
