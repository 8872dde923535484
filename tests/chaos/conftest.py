"""One world a test process: it goes on from test to test, and every test leaves it exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.chaos.world import World


@pytest.fixture(scope="session")
def lasting_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        world = World.created(tmp_path_factory.mktemp("chaos"))
        stack.callback(world.close)
        assert_exact(world.settle())
        yield world


@pytest.fixture
def world(lasting_world: World) -> Iterator[World]:
    yield lasting_world
    lasting_world.kill()
    lasting_world.route = lasting_world.store


def assert_exact(report: dict[str, object]) -> None:
    assert report["exact"], report["differences"]
