"""Who buys and who works there: names, addresses, cities by population."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tillstream.simulate import words
from tillstream.simulate.past.seasons import DAY, HOUR, Span, busy_moments
from tillstream.simulate.places import COUNTRIES, cities
from tillstream.simulate.tables import Columns, Integers, chosen, ids, moments

STAFF_COUNT = 14


@dataclass(frozen=True, slots=True)
class People:
    """The rows of the people's tables, and as arrays what their orders need.

    A customer's addresses follow each other. Numbered from 0 here and from 1 in the tables.
    """

    tables: dict[str, Columns]
    joined_at: Integers
    first_address: Integers
    address_count: Integers
    city_of_address: Integers


def make_places() -> dict[str, Columns]:
    """Countries, provinces and cities."""
    everywhere = cities()
    provinces = sorted({(city.country, city.province) for city in everywhere})
    number = {province: index + 1 for index, province in enumerate(provinces)}
    return {
        "countries": {"code": list(COUNTRIES), "name": [name for name, _, _ in COUNTRIES.values()]},
        "provinces": {
            "id": ids(len(provinces)),
            "country_code": [country for country, _ in provinces],
            "name": [name for _, name in provinces],
        },
        "cities": {
            "id": ids(len(everywhere)),
            "province_id": [number[city.country, city.province] for city in everywhere],
            "name": [city.name for city in everywhere],
            "latitude": [city.latitude for city in everywhere],
            "longitude": [city.longitude for city in everywhere],
            "population": [city.population for city in everywhere],
        },
    }


def make_people(random: np.random.Generator, count: int, span: Span) -> People:
    """So many customers in the order they joined: some before the span, more and more during it."""
    early = max(1, count // 4)
    before = Span(span.start - 120 * DAY, span.start)
    joined_at = np.concatenate([busy_moments(random, early, before), busy_moments(random, count - early, span)])
    names = [full_name(*pair) for pair in _name_indexes(random, count)]
    born = random.integers(-9000, 13500, count)  # days since 1970
    address_count = random.choice(np.array([1, 2]), count, p=[0.8, 0.2])
    first_address = np.concatenate([[0], np.cumsum(address_count)[:-1]])
    customer_of = np.repeat(np.arange(count), address_count)
    place = np.arange(len(customer_of)) - first_address[customer_of]
    city = _cities_by_weight(random, len(customer_of))
    customers = {
        "id": ids(count),
        "email": [email(name, number) for number, name in enumerate(names, 1)],
        "phone": chosen(
            [f"+1 555 {number:04d}" for number in range(10_000)],
            random.integers(0, 10_000, count),
            random.random(count) < 0.25,
        ),
        "full_name": names,
        "password_hash": [f"scrypt$16384$8$1${random.bytes(24).hex()}" for _ in range(count)],
        "accepts_marketing": random.random(count) < 0.4,
        "birth_date": _dates(born, random.random(count) < 0.3),
        "created_at": moments(joined_at),
        "updated_at": moments(joined_at),
    }
    addresses = {
        "id": ids(len(customer_of)),
        "customer_id": customer_of + 1,
        "city_id": city + 1,
        "title": chosen(["home", "work"], place),
        "street": [
            street(*pair) for pair in random.integers(0, (len(words.STREETS), 240), (len(customer_of), 2)).tolist()
        ],
        "postal_code": [f"{number:05d}" for number in random.integers(501, 99_950, len(customer_of)).tolist()],
        "is_default": place == 0,
        "created_at": moments(joined_at[customer_of]),
        "updated_at": moments(joined_at[customer_of]),
    }
    return People(
        tables={**make_places(), **_employees(random, span), "customers": customers, "addresses": addresses},
        joined_at=joined_at,
        first_address=first_address,
        address_count=address_count,
        city_of_address=city,
    )


def full_name(first: int, last: int) -> str:
    """A name by its places in the lists."""
    return f"{words.FIRST_NAMES[first]} {words.LAST_NAMES[last]}"


def email(name: str, number: int) -> str:
    """An address nobody else has, as the number is theirs alone."""
    return f"{_plain(name)}.{number}@example.org"


def street(road: int, number: int) -> str:
    """A street and number by their places."""
    return f"{number + 1} {words.STREETS[road]}"


@cache
def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return ".".join("".join(letter for letter in part if letter.isalnum()) for part in letters.split()) or "customer"


def _name_indexes(random: np.random.Generator, count: int) -> list[list[int]]:
    pairs: list[list[int]] = random.integers(0, (len(words.FIRST_NAMES), len(words.LAST_NAMES)), (count, 2)).tolist()
    return pairs


def _cities_by_weight(random: np.random.Generator, count: int) -> Integers:
    weight = np.array([city.weight for city in cities()])
    found: Integers = np.searchsorted(np.cumsum(weight / weight.sum()), random.random(count)).astype(np.int64)
    return np.minimum(found, len(weight) - 1)


def _dates(days: Integers, missing: Any) -> Any:
    texts = days.astype("datetime64[D]").astype(str).astype(object)
    texts[missing] = None
    return texts.tolist()


def _employees(random: np.random.Generator, span: Span) -> dict[str, Columns]:
    names = [full_name(*pair) for pair in _name_indexes(random, STAFF_COUNT)]
    hired = span.start - random.integers(DAY, 700 * DAY, STAFF_COUNT)
    return {
        "roles": {
            "id": ids(len(words.ROLES)),
            "name": [name for name, _ in words.ROLES],
            "title": [title for _, title in words.ROLES],
        },
        "staff": {
            "id": ids(STAFF_COUNT),
            "role_id": np.arange(STAFF_COUNT) % len(words.ROLES) + 1,
            "full_name": names,
            "email": [f"{_plain(name)}.{number}@store.example" for number, name in enumerate(names, 1)],
            "created_at": moments(hired - hired % HOUR),
        },
    }
