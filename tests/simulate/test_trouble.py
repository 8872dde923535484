"""Life in the store when something goes wrong: lost connections, meddlers, missing rights."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.simulate.conftest import AS_FAST_AS_POSSIBLE, live
from tests.simulate.identities import broken
from tillstream.errors import StoreError
from tillstream.simulate.life import Lived, Plan, simulate
from tillstream.simulate.schema import create_schema
from tillstream.simulate.server import EmbeddedPostgres

REPOSITORY = Path(__file__).parents[2]


def test_a_restart_of_the_server_is_survived(server: EmbeddedPostgres, store: str) -> None:
    stop, running = threading.Event(), threading.Event()
    outcome: list[Lived] = []
    after_restart: list[int] = []

    def watch(lived: Lived) -> None:
        running.set()
        if lived.reconnections:
            after_restart.append(lived.transactions)
            if lived.transactions > after_restart[0] + 300:
                stop.set()

    thread = threading.Thread(target=lambda: outcome.append(simulate(store, Plan(2_000), stop, watch)))
    thread.start()
    assert running.wait(30)
    server.restart()
    thread.join(60)
    stop.set()
    [lived] = outcome
    assert lived.reconnections >= 1
    assert broken(store) == {}


LIVE_AND_TELL = """
import sys, threading
from tillstream.simulate.life import Plan, simulate
simulate(sys.argv[1], Plan(2_000), threading.Event(), lambda lived: print(lived.transactions, flush=True))
"""


def test_a_kill_leaves_whole_transactions_and_the_next_goes_on(store: str) -> None:
    command = [sys.executable, "-c", LIVE_AND_TELL, store]
    for _ in range(2):
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            while int(process.stdout.readline()) < 150:
                pass
            process.kill()
        assert live(store, 100).refusals == 0
    assert broken(store) == {}


def test_what_others_change_is_taken_note_of(store: str) -> None:
    stop = threading.Event()
    meddled = False

    def meddle(lived: Lived) -> None:
        nonlocal meddled
        if not meddled:
            meddled = True
            with psycopg.connect(store) as other:
                other.execute("delete from carts")
                other.execute("delete from orders where id % 2 = 0")

    lived = simulate(store, Plan(AS_FAST_AS_POSSIBLE, transactions=2_000), stop, meddle)
    assert lived.refusals > 0
    assert lived.transactions == 2_000
    assert broken(store) == {}


def test_rows_that_others_insert_get_ids_of_their_own(store: str) -> None:
    inserted: list[int] = []

    def insert(lived: Lived) -> None:
        with psycopg.connect(store) as other:
            query = "insert into customers (email, full_name, password_hash) values (%s, 'x', 'x') returning id"
            row = other.execute(query, [f"somebody.{len(inserted)}@example.com"]).fetchone()
            inserted.append(row[0] if row else 0)

    lived = simulate(store, Plan(AS_FAST_AS_POSSIBLE, transactions=1_000), threading.Event(), insert)
    assert lived.refusals == 0
    assert len(set(inserted)) == len(inserted) > 5


def test_a_database_without_the_schema_is_told(database: str) -> None:
    with pytest.raises(StoreError, match="does not have the demo store's schema") as raised:
        live(database, 1)
    assert "--create" in raised.value.hint


def test_a_store_without_history_is_told(database: str) -> None:
    create_schema(database)
    with pytest.raises(StoreError, match="nothing to live on"):
        live(database, 1)


def test_two_simulators_do_not_drive_one_store(store: str) -> None:
    def second(lived: Lived) -> None:
        with pytest.raises(StoreError, match="another simulator drives"):
            live(store, 1)

    assert simulate(store, Plan(AS_FAST_AS_POSSIBLE, transactions=1), threading.Event(), second).transactions == 1


def test_a_user_without_rights_is_told(store: str, server: EmbeddedPostgres) -> None:
    with psycopg.connect(store) as connection:
        connection.execute("drop role if exists onlooker; create role onlooker login password 'x'")
    other = store.replace(store[len("postgresql://") : store.index("@")], "onlooker:x")
    with pytest.raises(StoreError, match="can't be read") as raised:
        live(other, 1)
    assert "permission denied" in raised.value.detail


def test_a_database_that_keeps_refusing_is_told(store: str) -> None:
    with psycopg.connect(store) as connection:
        connection.execute("alter table carts add column needed int not null default 0")
        connection.execute("alter table carts alter needed drop default")
    with pytest.raises(StoreError, match="keeps refusing") as raised:
        live(store, 3_000)
    assert "needed" in raised.value.detail


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"rate": 0}, "has to be more than 0"),
        ({"rate": -3}, "has to be more than 0"),
        ({"rate": math.nan}, "has to be more than 0"),
        ({"transactions": -1}, "can't be made"),
        ({"duration": timedelta(seconds=-1)}, "can't be kept"),
    ],
)
def test_a_plan_that_can_not_be_is_refused(plan: dict[str, float], message: str) -> None:
    with pytest.raises(StoreError, match=message):
        Plan(**plan)  # type: ignore[arg-type]
