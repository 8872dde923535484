"""Killed hundreds of times while a busy store goes on: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.activity import Shopper
from tests.chaos.conftest import assert_exact
from tests.chaos.world import World
from tillstream.flow.failpoints import FAILPOINTS

# `make chaos KILLS=2000` asks for more.
KILLS = int(os.environ.get("TILL_KILLS", "300"))
ROUNDS = max(4, KILLS // 50)
# A pipeline needs about half a second to open, recover and flow; killing it earlier is part of it.
LATEST_KILL = 1.2
# A batch that touches no fact, or a crash with nothing open, never passes some of the points.
PATIENCE = 5.0
SEEDS = random.Random(os.environ.get("TILL_SEED", "chaos")).sample(range(10**6), ROUNDS)

pytestmark = pytest.mark.chaos


@contextmanager
def busy(world: World, seed: int) -> Iterator[Shopper]:
    """Somebody shops all the time while the block runs."""
    shopper = Shopper(world.store, seed)
    ended = threading.Event()
    shopping = threading.Thread(target=shopper.act_until, args=(ended,))
    shopping.start()
    try:
        yield shopper
    finally:
        ended.set()
        shopping.join()


@pytest.mark.parametrize("seed", SEEDS)
def test_kills_at_random_instants_lose_and_double_nothing(seed: int, world: World) -> None:
    dice = random.Random(seed)
    with busy(world, seed) as shopper:
        for _ in range(max(1, KILLS // ROUNDS * 2 // 3)):
            world.begin()
            time.sleep(dice.uniform(0.05, LATEST_KILL))
            world.kill()
    assert shopper.count > 0
    assert_exact(world.settle())


@pytest.mark.parametrize("seed", SEEDS)
def test_kills_at_named_points_while_recovering_from_others_lose_and_double_nothing(seed: int, world: World) -> None:
    dice = random.Random(seed)
    reachable = [name for name in FAILPOINTS if name != "during_reconcile"]
    with busy(world, seed):
        for _ in range(max(1, KILLS // ROUNDS // 6)):
            world.begin(f"{dice.choice(reachable)}:{dice.randint(1, 3)}")
            world.wait_for_death(PATIENCE)
            # The next start recovers, and is killed while it does, or soon after.
            world.begin(f"{dice.choice(['during_reconcile', 'after_stage', 'during_publish', 'after_publish'])}:1")
            world.wait_for_death(PATIENCE)
    assert_exact(world.settle())
