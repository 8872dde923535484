"""What customers do with their accounts."""

from __future__ import annotations

from bisect import bisect
from datetime import datetime

from tillstream.simulate import words
from tillstream.simulate.people import email, full_name, street
from tillstream.simulate.present.state import Address, Customer, World
from tillstream.simulate.present.statements import Raw, insert, update

_CUSTOMER = "id, email, phone, full_name, password_hash, accepts_marketing, created_at, updated_at"
_ADDRESS = "id, customer_id, city_id, title, street, postal_code, is_default, created_at, updated_at"
_KEPT_CUSTOMERS = 200


def sign_up(world: World, now: datetime) -> list[str]:
    """A new customer with an address."""
    customer, statements = _new_customer(world, now)
    world.customers.append(customer)
    world.newcomers.append(customer)
    return statements


def undo_sign_up(world: World, now: datetime) -> list[str]:
    """A registration that will be rolled back: none of it may ever be seen."""
    return _new_customer(world, now)[1]


def add_address(world: World, now: datetime) -> list[str]:
    """One more place to send parcels to."""
    customer = world.customer()
    address, statement = _new_address(world, customer.id, now, is_default=False)
    customer.addresses.append(address)
    return [statement]


def move(world: World, now: datetime) -> list[str]:
    """A customer moves: an address, with all orders that were ever sent there, is now in another city."""
    address = world.random.choice(world.customer().addresses)
    address.city = _city(world)
    return [
        update(
            "addresses",
            address.id,
            city_id=address.city,
            street=_street(world),
            postal_code=f"{world.below(99_000) + 501:05d}",
            updated_at=now,
        )
    ]


def edit_account(world: World, now: datetime) -> list[str]:
    """A customer changes a name, a phone number, or the mind about marketing."""
    customer = world.customer()
    change = world.below(3)
    if change == 0:
        return [update("customers", customer.id, full_name=_name(world), updated_at=now)]
    if change == 1:
        return [update("customers", customer.id, phone=f"+1 555 {world.below(10_000):04d}", updated_at=now)]
    return [
        update("customers", customer.id, accepts_marketing=Raw("not accepts_marketing"), updated_at=now),
    ]


def erase(world: World, now: datetime) -> list[str] | None:  # noqa: ARG001 (every action has the same shape)
    """A customer without orders asks to be forgotten. Addresses and carts go too."""
    if len(world.customers) <= _KEPT_CUSTOMERS:
        return None
    while world.newcomers:
        customer = world.newcomers.popleft()
        if not customer.has_ordered:
            world.customers.remove(customer)
            for cart in [cart for cart in world.carts if cart.customer is customer]:
                world.carts.discard(cart)
            return [f"delete from customers where id = {customer.id}"]
    return None


def _new_customer(world: World, now: datetime) -> tuple[Customer, list[str]]:
    number = world.numbers.next("customers")
    name = _name(world)
    row = (
        number,
        email(name, number),
        None if world.chance(0.25) else f"+1 555 {world.below(10_000):04d}",
        name,
        f"scrypt$16384$8$1${world.random.getrandbits(192):048x}",
        world.chance(0.4),
        now,
        now,
    )
    address, statement = _new_address(world, number, now, is_default=True)
    return Customer(number, [address], has_ordered=False), [insert("customers", _CUSTOMER, row), statement]


def _new_address(world: World, customer: int, now: datetime, *, is_default: bool) -> tuple[Address, str]:
    address = Address(world.numbers.next("addresses"), _city(world))
    row = (
        address.id,
        customer,
        address.city,
        "home" if is_default else "work",
        _street(world),
        f"{world.below(99_000) + 501:05d}",
        is_default,
        now,
        now,
    )
    return address, insert("addresses", _ADDRESS, row)


def _name(world: World) -> str:
    return full_name(world.below(len(words.FIRST_NAMES)), world.below(len(words.LAST_NAMES)))


def _street(world: World) -> str:
    return street(world.below(len(words.STREETS)), world.below(240))


def _city(world: World) -> int:
    town = world.town
    return town.cities[bisect(town.population, world.below(town.population[-1]))]
