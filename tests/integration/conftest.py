"""One pipeline for each test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.whole import Whole
from tests.live.shop import Shop
from tests.services.postgres import Database


@pytest.fixture
def whole(database: Database, shop: Shop) -> Iterator[Whole]:
    """A running pipeline over an empty store."""
    whole = Whole(database, shop)
    whole.start()
    whole.settle()
    try:
        yield whole
    finally:
        whole.stop()
