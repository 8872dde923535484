"""The mix of changes: what it is made of, and that it goes on as long as it says."""

from __future__ import annotations

import psycopg
import pytest

from benchmarks.store import CHANGES_A_STEP, mix_of
from tests.services.postgres import Database
from tillstream.simulate.history import Sizes, load_history
from tillstream.simulate.life import wall_clock
from tillstream.simulate.schema import create_schema


@pytest.fixture
def store(database: Database) -> Database:
    create_schema(database.url)
    load_history(database.url, Sizes(customers=20, products=20, orders=60), 7, wall_clock())
    return database


def test_every_step_changes_as_many_rows_to_the_last(store: Database) -> None:
    mix = mix_of(store.url)
    half = mix.step_count // 2
    assert half > 2
    assert mix.make(0, half) == half * CHANGES_A_STEP
    # The steps that were made have deleted and added rows; there are not fewer than before.
    assert mix_of(store.url).step_count >= mix.step_count
    assert mix_of(store.url).make(half, mix.step_count - half) == (mix.step_count - half) * CHANGES_A_STEP


def test_a_fifth_comes_three_fifths_change_a_fifth_goes(store: Database) -> None:
    mix_of(store.url).make(0, 3)
    with psycopg.connect(store.url) as connection:
        found = connection.execute(
            "select sum(n_tup_upd), sum(n_tup_del) from pg_stat_user_tables where schemaname = 'public'"
        ).fetchone()
    assert found == (180, 60)
