"""How much is measured: everything for the record, or just enough to see that the instruments work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes and times of one session of measuring."""

    name: str = "full"
    runs: int = 3
    orders: int = 100_000
    # A step is a hundred changes in a transaction.
    drain_steps: int = 5_000
    rates: tuple[int, ...] = (100, 1_000, 5_000)
    seconds: int = 20
    # Times the store's history; changes in a batch, and how many such batches make a run.
    growth: tuple[int, ...] = (1, 10, 100)
    batches: tuple[tuple[int, int], ...] = ((100, 10), (10_000, 2))
    # Changes in one transaction.
    transactions: tuple[int, ...] = (250_000, 1_000_000)
    load_rate: int = 1_000
    # Batches whose time is told apart, those that only warm up included.
    profiled: int = 60
    # One store for all, used or not, and no models built twice where once will do.
    frugal: bool = False


FULL = Plan()
QUICK = Plan(
    name="quick",
    runs=1,
    orders=10_000,
    drain_steps=250,
    rates=(1_000,),
    seconds=6,
    growth=(1, 2),
    batches=((100, 10), (10_000, 2)),
    transactions=(10_000, 20_000),
    profiled=40,
)
# For the tests: figures that say nothing, from instruments that run.
TINY = Plan(
    name="tiny",
    runs=1,
    orders=1_000,
    drain_steps=10,
    rates=(500,),
    seconds=1,
    growth=(1, 2),
    batches=((100, 2),),
    transactions=(1_000, 2_000),
    load_rate=500,
    profiled=12,
    frugal=True,
)
# The live step at a million orders, in a few minutes.
MILLION = Plan(name="million", runs=1, growth=(1, 10), batches=((100, 10), (10_000, 2)))
PLANS = {plan.name: plan for plan in (FULL, QUICK, TINY, MILLION)}
