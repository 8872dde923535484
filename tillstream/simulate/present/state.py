"""What the simulator knows of the store: enough to choose the next transaction without asking."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Generic, TypeVar

from tillstream.simulate.lifecycle import NEXT, Status, may_follow
from tillstream.simulate.present.numbering import Numbers

Item = TypeVar("Item")


class Pool(Generic[Item]):
    """A bag that gives a random item, adds and removes in constant time."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def add(self, item: Item) -> None:
        self._items.append(item)

    def any(self, random: Random) -> Item:
        """A random item, which stays."""
        return self._items[int(random.random() * len(self._items))]

    def take(self, random: Random) -> Item:
        """A random item, removed."""
        place = int(random.random() * len(self._items))
        self._items[place], self._items[-1] = self._items[-1], self._items[place]
        return self._items.pop()

    def discard(self, item: Item) -> None:
        """Remove that very item, if it is there. Takes time in proportion to the size."""
        self._items = [other for other in self._items if other is not item]


@dataclass(slots=True, eq=False)
class Variant:
    """Something to sell. Price in cents, tax in hundredths of a percent."""

    id: int
    product: int
    price: int
    tax_rate: int


@dataclass(slots=True, eq=False)
class Address:
    """Where parcels go: the address and the city it is in now."""

    id: int
    city: int


@dataclass(slots=True, eq=False)
class Customer:
    """Somebody who buys, or has not yet."""

    id: int
    addresses: list[Address]
    has_ordered: bool


@dataclass(slots=True, eq=False)
class Cart:
    """An open cart: whose (None is a visitor's), and how many of which variant."""

    id: str
    customer: Customer | None
    lines: dict[int, int]


@dataclass(slots=True, eq=False)
class Line:
    """One line of an order. Money in cents."""

    id: int
    number: int
    product: int
    variant: int
    quantity: int
    unit_price: int
    discount: int
    tax: int

    @property
    def gross(self) -> int:
        return self.quantity * self.unit_price

    @property
    def total(self) -> int:
        return self.gross - self.discount + self.tax


@dataclass(slots=True, eq=False)
class Order:
    """An order that something can still become of."""

    id: int
    status: Status
    payment_status: str
    warehouse: int
    payment_method: int
    shipping_method: int
    shipping: int
    lines: list[Line]
    payment: int | None = None
    shipment: int | None = None

    @property
    def items(self) -> int:
        return sum(line.gross for line in self.lines)

    @property
    def discount(self) -> int:
        return sum(line.discount for line in self.lines)

    @property
    def tax(self) -> int:
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        return self.items - self.discount + self.tax + self.shipping

    def become(self, status: Status) -> None:
        """Change the status; ValueError for what can't follow."""
        if not may_follow(self.status, status):
            raise ValueError(f"an order that is {self.status} can't become {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Code:
    """A discount code: percent, or an amount in cents."""

    id: int
    is_percent: bool
    value: int
    started_at: datetime
    expired_at: datetime


@dataclass(slots=True)
class Shelf:
    """The catalogue and its stock."""

    variants: dict[int, Variant] = field(default_factory=dict)
    variant_ids: list[int] = field(default_factory=list)
    # How often each was sold lately, summed up along `variant_ids`.
    popularity: list[int] = field(default_factory=list)
    products: dict[int, str] = field(default_factory=dict)
    product_ids: list[int] = field(default_factory=list)
    retired: set[int] = field(default_factory=set)
    tags: list[int] = field(default_factory=list)
    product_tags: dict[int, list[int]] = field(default_factory=dict)
    on_hand: dict[tuple[int, int], int] = field(default_factory=dict)
    running_low: deque[tuple[int, int]] = field(default_factory=deque)
    categories: list[int] = field(default_factory=list)
    brands: list[int] = field(default_factory=list)
    vendors: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Town:
    """Where people live, and where parcels leave from."""

    cities: list[int] = field(default_factory=list)
    population: list[int] = field(default_factory=list)  # summed up along `cities`
    warehouse_of: dict[int, int] = field(default_factory=dict)
    warehouses: list[int] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """The store as the simulator believes it to be: right as long as nobody else changes it."""

    random: Random
    numbers: Numbers
    latest: datetime
    shelf: Shelf = field(default_factory=Shelf)
    town: Town = field(default_factory=Town)
    customers: list[Customer] = field(default_factory=list)
    newcomers: deque[Customer] = field(default_factory=deque)
    carts: Pool[Cart] = field(default_factory=Pool)
    abandoned: deque[str] = field(default_factory=deque)
    orders: dict[Status, Pool[Order]] = field(default_factory=lambda: {status: Pool() for status in NEXT})
    open_refunds: deque[int] = field(default_factory=deque)
    codes: list[Code] = field(default_factory=list)
    payment_methods: list[int] = field(default_factory=list)
    shipping_methods: list[tuple[int, int]] = field(default_factory=list)
    staff: list[int] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def below(self, limit: int) -> int:
        """A number from 0 up to, not including, the limit. Quicker than randrange."""
        return int(self.random.random() * limit)

    def customer(self) -> Customer:
        """One of the customers, more often one who has been there for long."""
        return self.customers[int(len(self.customers) * self.random.random() ** 1.35)]
