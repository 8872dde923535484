"""What the store sells: brands, a tree of categories, products, their variants and prices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from tillstream.simulate import words
from tillstream.simulate.past.seasons import DAY, Span
from tillstream.simulate.tables import Columns, Integers, chosen, ids, joined, moments, money, uuids
from tillstream.simulate.words import Kind

_TAX_RATES = np.array([825, 700, 1900, 0], dtype=np.int64)  # hundredths of a percent
_LONG_DESCRIPTIONS = 0.12  # with a buyer's guide of more than 8 kB
KINDS: tuple[Kind, ...] = tuple(kind for kinds in words.DEPARTMENTS.values() for kind in kinds)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The rows of the catalogue's tables, and what selling needs of them as arrays.

    Products and variants are numbered from 0 in the arrays and from 1 in the tables. A product's
    variants follow each other. Money in cents, tax in hundredths of a percent.
    """

    tables: dict[str, Columns]
    first_variant: Integers
    variant_count: Integers
    product_of: Integers
    price: Integers
    former_price_percent: Integers
    price_changed_at: Integers
    tax_rate: Integers
    launched_at: Integers


def make_catalogue(random: np.random.Generator, count: int, span: Span) -> Catalogue:
    """A catalogue of so many products. Most are older than the span, some are launched during it."""
    kind = random.integers(0, len(KINDS), count)
    launched = np.where(
        random.random(count) < 0.85,
        span.start - random.integers(DAY, 900 * DAY, count),
        random.integers(span.start, span.end - DAY, count),
    )
    launched[0] = span.start - DAY  # at least one can be sold from the start
    changed = random.integers(np.maximum(launched, span.start), span.end)
    tax_rate = random.choice(_TAX_RATES, count, p=[0.7, 0.15, 0.1, 0.05])
    variant_count = random.choice(np.array([1, 2, 3, 5]), count, p=[0.3, 0.25, 0.3, 0.15])
    first_variant = np.concatenate([[0], np.cumsum(variant_count)[:-1]])
    product_of = np.repeat(np.arange(count), variant_count)
    price = _prices(random, kind, product_of)
    products = {
        "id": ids(count),
        "category_id": kind + 1 + len(words.DEPARTMENTS),
        "brand_id": random.integers(1, len(words.BRANDS) + 1, count),
        "vendor_id": random.integers(1, len(words.VENDORS) + 1, count),
        **_texts(random, kind),
        "status": chosen(["active", "retired", "draft"], random.choice(3, count, p=[0.95, 0.03, 0.02])),
        "tax_rate": [f"0.{rate:04d}" for rate in tax_rate.tolist()],
        "image_path": joined("products/", ids_as_text(count), ".webp"),
        "created_at": moments(launched),
        "updated_at": moments(changed),
    }
    tables: dict[str, Columns] = {
        **_lists(),
        "products": products,
        "product_tags": _product_tags(random, count),
        "variants": _variants(random, product_of, first_variant, price, moments(launched[product_of])),
    }
    return Catalogue(
        tables=tables,
        first_variant=first_variant,
        variant_count=variant_count,
        product_of=product_of,
        price=price,
        former_price_percent=random.integers(86, 104, count),
        price_changed_at=changed,
        tax_rate=tax_rate,
        launched_at=launched,
    )


def ids_as_text(count: int) -> Any:
    """The first so many ids, as texts of one length."""
    return chosen([f"{number:05d}" for number in range(1, count + 1)], np.arange(count, dtype=np.int64))


def _lists() -> dict[str, Columns]:
    departments = tuple(words.DEPARTMENTS)
    parents = [departments.index(name) + 1 for name, kinds in words.DEPARTMENTS.items() for _ in kinds]
    names = [*departments, *(kind.name for kind in KINDS)]
    return {
        "brands": {"id": ids(len(words.BRANDS)), "name": list(words.BRANDS)},
        "vendors": {
            "id": ids(len(words.VENDORS)),
            "name": [name for name, _ in words.VENDORS],
            "country_code": [country for _, country in words.VENDORS],
            "email": [f"orders@{name.lower().replace(' ', '-')}.example" for name, _ in words.VENDORS],
        },
        "tags": {"id": ids(len(words.TAGS)), "name": list(words.TAGS)},
        "categories": {
            "id": ids(len(names)),
            "parent_id": [None] * len(departments) + parents,
            "name": names,
            "slug": [_slug(name) for name in names],
        },
    }


def _slug(name: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name.replace("'", "")).lower().split())


def _texts(random: np.random.Generator, kind: Integers) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {"name": [], "description": [], "attributes": [], "keywords": []}
    for number in kind.tolist():
        sort = KINDS[number]
        noun, material, adjective = (
            str(random.choice(part)) for part in (sort.nouns, sort.materials, words.ADJECTIVES)
        )
        name = f"{adjective} {material} {noun}"
        grams = int(random.integers(40, 9000))
        texts["name"].append(name)
        texts["description"].append(description(random, name, is_long=random.random() < _LONG_DESCRIPTIONS))
        texts["attributes"].append(
            json.dumps({"material": material, "weight_grams": grams, "care": {"dishwasher": grams % 2 == 0}})
        )
        texts["keywords"].append("{" + ",".join(f'"{word.lower()}"' for word in (noun, material, sort.name)) + "}")
    return texts


def description(random: np.random.Generator, name: str, *, is_long: bool) -> str:
    """A few sentences about a product; a long one is too big for its row and is stored aside."""
    parts = [f"{name}.", *random.choice(words.SENTENCES, 4, replace=False)]
    if is_long:
        parts.append("\n\nBuyer's guide:")
        parts.extend(random.choice(words.GUIDE_WORDS, int(random.integers(1400, 2400))))
    return " ".join(map(str, parts))


def _prices(random: np.random.Generator, kind: Integers, product_of: Integers) -> Integers:
    lowest = np.array([sort.lowest_price for sort in KINDS], dtype=np.float64)[kind]
    highest = np.array([sort.highest_price for sort in KINDS], dtype=np.float64)[kind]
    # Most things cost little: the price grows by factors, not by steps.
    base = lowest * (highest / lowest) ** random.beta(1.3, 2.2, len(kind))
    larger = 1 + 0.12 * random.integers(0, 4, len(product_of))
    whole: Integers = np.maximum(np.round(base[product_of] * larger), 1).astype(np.int64)
    ending: Integers = random.choice(np.array([1, 5, 10, 50], dtype=np.int64), len(product_of))
    return whole * 100 - ending


def _variants(
    random: np.random.Generator, product_of: Integers, first_variant: Integers, price: Integers, launched: Any
) -> Columns:
    count = len(product_of)
    place = np.arange(count) - first_variant[product_of]
    titles = [f"{colour} / {size}" for colour in words.COLOURS for size in words.SIZES]
    looks = (random.integers(0, len(titles), len(first_variant))[product_of] + place * 4) % len(titles)
    cost = price * random.integers(38, 72, len(first_variant))[product_of] // 100
    return {
        "id": ids(count),
        "product_id": product_of + 1,
        "sku": [
            f"T{product:05d}-{number}"
            for product, number in zip((product_of + 1).tolist(), place.tolist(), strict=True)
        ],
        "title": chosen(titles, looks),
        "price": money(price),
        "cost": money(cost),
        "barcode": uuids(random, count),
        "created_at": launched,
        "updated_at": launched,
    }


def _product_tags(random: np.random.Generator, count: int) -> Columns:
    marked = random.random((count, len(words.TAGS))) < 0.13
    product, tag = np.nonzero(marked)
    return {"product_id": product + 1, "tag_id": tag + 1}
