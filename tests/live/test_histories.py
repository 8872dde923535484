"""Whatever happens in a store, facts and rollups equal a recompute after every batch."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.live.checks import assert_exact
from tests.live.histories import Step, batches, play
from tests.live.shop import Shop
from tillstream.flow.failpoints import crash_at
from tillstream.live.layer import LiveLayer

# The fixture is emptied by each example itself.
patient = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@patient
@given(history=batches, few=st.sampled_from([0, 3, 1_000]))
def test_every_layer_is_exact_after_every_batch(shop: Shop, history: list[list[Step]], few: int) -> None:
    shop.clear()
    shop.layer.few = few
    for batch in history:
        play(shop, batch)
        shop.land()
        assert_exact(shop)


CRASHES = [(name, times) for name in ("during_stage", "during_publish", "during_reconcile") for times in (1, 2, 3)]


@patient
@given(history=batches, crashes=st.lists(st.sampled_from(CRASHES), min_size=1, max_size=3))
def test_a_crash_anywhere_leaves_every_layer_exact(
    shop: Shop, history: list[list[Step]], crashes: list[tuple[str, int]]
) -> None:
    shop.clear()
    for place, batch in enumerate(history):
        play(shop, batch)
        land_through_crashes(shop, crashes if place % 2 else [])
    assert_exact(shop)


def land_through_crashes(shop: Shop, crashes: list[tuple[str, int]]) -> None:
    """As the pump does it: what is recorded as staged is not staged again; after a crash, reconcile."""
    batch = shop.write()
    staged = False
    for name, times in [*crashes, ("during_reconcile", 1_000)]:
        with crash_at(name, times):
            if not staged:
                shop.layer.stage(shop.number, batch)
                staged = True
            shop.layer.publish(shop.number)
            shop.layer.reconcile(shop.number)
        shop.layer.close()
        shop.layer = LiveLayer(shop.warehouse, shop.layer.profile)
