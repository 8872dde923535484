"""What the shop's own people change: prices, texts, tags, products, codes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import cache
from random import Random
from uuid import UUID

from tillstream.simulate import words
from tillstream.simulate.present.state import Code, Variant, World
from tillstream.simulate.present.statements import Raw, insert, literal, money, update

_PRODUCT = (
    "id, category_id, brand_id, vendor_id, name, description, status, tax_rate, attributes, keywords, image_path,"
    " created_at, updated_at"
)
_VARIANT = "id, product_id, sku, title, price, cost, barcode, created_at, updated_at"
_LEVEL = "variant_id, warehouse_id, on_hand, updated_at"
_MOVE = "id, variant_id, warehouse_id, order_id, reason, quantity, moved_at"
_CODE = "id, campaign_id, kind, value, code, started_at, expired_at"
_MOST_RETIRED = 20
_MOST_CODES = 60
_FIRST_DELIVERY = 40


def change_price(world: World, now: datetime) -> list[str]:
    """A variant gets dearer or cheaper."""
    variant = world.shelf.variants[world.random.choice(world.shelf.variant_ids)]
    variant.price = max(99, variant.price * (90 + world.below(22)) // 100)
    cost = money(variant.price * 55 // 100)
    return [update("variants", variant.id, price=money(variant.price), cost=cost, updated_at=now)]


def edit_description(world: World, now: datetime) -> list[str]:
    """A product is described anew, sometimes at such length that the text is stored aside."""
    product = world.random.choice(world.shelf.product_ids)
    sentences = " ".join(world.random.sample(words.SENTENCES, 4))
    guide = f"\n\nBuyer's guide: {world.random.choice(_guides())}" if world.chance(0.3) else ""
    text = f"{world.shelf.products[product]}. {sentences}{guide}"
    return [update("products", product, description=text, updated_at=now)]


def edit_product(world: World, now: datetime) -> list[str]:
    """Something else of a product changes; a long description stays as it is, and out of the log."""
    product = world.random.choice(world.shelf.product_ids)
    if world.chance(0.5):
        weight = json.dumps({"weight_grams": 40 + world.below(9000)})
        return [update("products", product, attributes=Raw(f"attributes || {literal(weight)}"), updated_at=now)]
    noun = world.random.choice(words.TAGS)
    keywords = Raw(f"(array_prepend({literal(noun)}, keywords))[1:4]")
    return [update("products", product, keywords=keywords, updated_at=now)]


def retire(world: World, now: datetime) -> list[str]:
    """A product is no longer sold, or is sold again."""
    shelf = world.shelf
    if len(shelf.retired) >= min(_MOST_RETIRED, len(shelf.product_ids) // 10):
        product = min(shelf.retired, default=shelf.product_ids[0])
        shelf.retired.discard(product)
        return [update("products", product, status="active", updated_at=now)]
    product = world.random.choice(shelf.product_ids)
    shelf.retired.add(product)
    return [update("products", product, status="retired", updated_at=now)]


def tag(world: World, now: datetime) -> list[str] | None:  # noqa: ARG001 (every action has the same shape)
    """A product gets a tag, loses one, or has one changed for another, which changes the row's key."""
    shelf = world.shelf
    product = world.random.choice(shelf.product_ids)
    mine = shelf.product_tags.setdefault(product, [])
    others = [number for number in shelf.tags if number not in mine]
    if not mine or (others and world.chance(0.3)):
        mine.append(world.random.choice(others))
        return [insert("product_tags", "product_id, tag_id", (product, mine[-1]))]
    former = mine.pop(world.below(len(mine)))
    where = f"where (product_id, tag_id) = ({product}, {former})"
    if not others or world.chance(0.4):
        return [f"delete from product_tags {where}"]
    mine.append(world.random.choice(others))
    return [f"update product_tags set tag_id = {mine[-1]} {where}"]


def launch(world: World, now: datetime) -> list[str]:
    """A new product with its variants and their first stock."""
    shelf, random = world.shelf, world.random
    kind = random.choice([kind for kinds in words.DEPARTMENTS.values() for kind in kinds])
    material, noun = random.choice(kind.materials), random.choice(kind.nouns)
    name = f"{random.choice(words.ADJECTIVES)} {material} {noun}"
    product, tax_rate = world.numbers.next("products"), random.choice((825, 825, 700, 1900, 0))
    row = (
        product,
        random.choice(shelf.categories),
        random.choice(shelf.brands),
        random.choice(shelf.vendors),
        name,
        f"{name}. {' '.join(random.sample(words.SENTENCES, 3))}",
        "active",
        Raw(f"0.{tax_rate:04d}"),
        json.dumps({"material": material}),
        "{" + f'"{noun.lower()}"' + "}",
        f"products/{product:05d}.webp",
        now,
        now,
    )
    shelf.products[product] = name
    shelf.product_ids.append(product)
    variants = []
    for _ in range(1 + world.below(3)):
        price = (kind.lowest_price + world.below(kind.highest_price - kind.lowest_price)) * 100 - 5
        variants.append(Variant(world.numbers.next("variants"), product, price, tax_rate))
    for variant in variants:
        shelf.variants[variant.id] = variant
        shelf.variant_ids.append(variant.id)
        shelf.popularity.append(shelf.popularity[-1] + 1 + shelf.popularity[-1] // len(shelf.popularity))
    return [insert("products", _PRODUCT, row), *_first_stock(world, variants, now)]


def publish_code(world: World, now: datetime) -> list[str] | None:
    """A discount code that holds for some days."""
    if len(world.codes) >= _MOST_CODES:
        return None
    number, is_percent = world.numbers.next("discounts"), world.chance(0.5)
    value = 5 * (1 + world.below(5)) if is_percent else 500 * (1 + world.below(5))
    code = Code(number, is_percent, value, now, now + timedelta(days=1 + world.below(14)))
    world.codes.append(code)
    row = (
        number,
        None,
        "percent" if is_percent else "amount",
        money(value * 100 if is_percent else value),
        f"LIVE{number}",
        now,
        code.expired_at,
    )
    return [insert("discounts", _CODE, row)]


def _first_stock(world: World, variants: list[Variant], now: datetime) -> list[str]:
    rows, levels, moves = [], [], []
    for place, variant in enumerate(variants):
        sku = f"T{variant.product:05d}-{place}"
        barcode = str(UUID(int=world.random.getrandbits(128), version=4))
        title = f"{world.random.choice(words.COLOURS)} / {world.random.choice(words.SIZES)}"
        price, cost = money(variant.price), money(variant.price * 55 // 100)
        rows.append((variant.id, variant.product, sku, title, price, cost, barcode, now, now))
        for warehouse in world.town.warehouses:
            number = world.numbers.next("stock_moves")
            levels.append((variant.id, warehouse, _FIRST_DELIVERY, now))
            moves.append((number, variant.id, warehouse, None, "restock", _FIRST_DELIVERY, now))
            world.shelf.on_hand[variant.id, warehouse] = _FIRST_DELIVERY
    return [
        insert("variants", _VARIANT, *rows),
        insert("stock_levels", _LEVEL, *levels),
        insert("stock_moves", _MOVE, *moves),
    ]


@cache
def _guides() -> list[str]:
    """Texts of 9 to 13 kB, the same in every run."""
    random = Random(8192)
    return [" ".join(random.choices(words.GUIDE_WORDS, k=1500 + 50 * number)) for number in range(12)]
