"""What the writing side of Kafka does when processes die, brokers go, or the cluster refuses."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.destinations.captured import Capture, places, settings_of, written
from tests.flow.child import history
from tests.flow.histories import EVENTS, LINES, ORDERS
from tests.services.broker import Cluster, free_ports
from tests.services.jvm import jvm_or_skip
from tests.services.kafka import Kafka
from tillstream.change import Op
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.memory import MemoryDestination, MemoryLayer
from tillstream.errors import StreamRefused, StreamUnreachable, TillError
from tillstream.flow.pump import Pump, Watcher
from tillstream.kafka.connection import KafkaSettings
from tillstream.sources.memory import MemorySource, Write

SECONDS = 60.0


@dataclass(frozen=True)
class Own:
    """A broker that a test may kill. The second address asks for a password."""

    cluster: Cluster
    guarded: str


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    port, control, guarded = free_ports(3)
    open_, closed = f"PLAINTEXT://127.0.0.1:{port}", f"SASL_PLAINTEXT://127.0.0.1:{guarded}"
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    settings = {
        "listeners": f"{open_},{closed},CONTROLLER://127.0.0.1:{control}",
        "advertised.listeners": f"{open_},{closed}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": f'{module} user_till="right";',
    }
    cluster = Cluster(tmp_path_factory.mktemp("broker"), jvm_or_skip(256), settings=settings)
    try:
        yield Own(cluster.start((port, control)), f"127.0.0.1:{guarded}")
    finally:
        cluster.kill()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def guarded(own: Own, password: str) -> KafkaSettings:
    options = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "till"}
    return KafkaSettings(own.guarded, "guarded", {**options, "sasl.password": password})


def test_a_wrong_password_is_told_at_once_and_never_shown(own: Own, engine: Warehouse) -> None:
    capture = Capture(guarded(own, "wrong-pa55"), engine)
    begun = time.monotonic()

    with pytest.raises(StreamRefused, match="refuses us") as told:
        capture.producing.begin()

    assert time.monotonic() - begun < 10
    assert "Authentication failed" in told.value.detail
    assert "sasl.mechanism, user and password" in told.value.hint
    assert "wrong-pa55" not in f"{told.value} {capture.settings}"
    with pytest.raises(StreamRefused, match="refuses us"):
        capture.ledger.last_done("store")


def test_the_right_password_lets_in(own: Own, engine: Warehouse) -> None:
    capture = Capture(guarded(own, "right"), engine)

    assert capture.ledger.last_done("store") is None


def test_a_transaction_that_lasts_too_long_is_tried_again(own: Own, engine: Warehouse) -> None:
    settings = KafkaSettings(own.cluster.bootstrap, "slow", {"transaction.timeout.ms": "1000"})
    capture = Capture(settings, engine)
    capture.ledger.last_done("store")
    capture.producing.begin()
    capture.producing.send(settings.names.progress, b"", b"slow", [])
    capture.producing.flush()

    with pytest.raises(StreamUnreachable, match="lasted longer than the Kafka cluster waits") as told:
        wait_until(lambda: has_ended(capture))
    assert "`transaction.timeout.ms`" in told.value.hint
    capture.producing.begin()
    capture.producing.send(settings.names.progress, b"", b"slow", [])
    capture.producing.commit()


def has_ended(capture: Capture) -> bool:
    """Fails once the broker has ended the transaction."""
    capture.producing.send(capture.settings.names.progress, b"", b"slow", [])
    capture.producing.flush()
    return False


class Notes(Watcher):
    def __init__(self) -> None:
        self.troubles: list[TillError] = []

    def troubled(self, error: TillError | None) -> None:
        if error is not None:
            self.troubles.append(error)


def test_a_broker_that_goes_and_comes_back_loses_and_doubles_nothing(own: Own, engine: Warehouse) -> None:
    options = {"transaction.timeout.ms": "6000", "reconnect.backoff.max.ms": "200"}
    settings = KafkaSettings(own.cluster.bootstrap, "coming", options)
    capture, notes, stop = Capture(settings, engine), Notes(), threading.Event()
    source = MemorySource([ORDERS])
    layer = MemoryLayer(MemoryDestination())
    layer.ready = False
    pump = Pump(source, capture.destination, capture.ledger, layer, watcher=notes)
    capture.again().destination.ensure(ORDERS)
    thread = threading.Thread(target=pump.run, args=(stop,))
    thread.start()
    try:
        add(source, "1")
        wait_until(lambda: len(places(settings, ORDERS)) == 1)
        own.cluster.kill()
        add(source, "2")
        add(source, "3")
        wait_until(lambda: bool(notes.troubles))
        own.cluster.heal()
        add(source, "4")
        wait_until(lambda: len(places(settings, ORDERS)) >= 4)
    finally:
        stop.set()
        thread.join(SECONDS)
        capture.destination.close()

    assert all(isinstance(trouble, StreamUnreachable) for trouble in notes.troubles)
    assert [key for _, _, _, key in places(settings, ORDERS)] == [f'{{"id":{number}}}' for number in range(1, 5)]


def add(source: MemorySource, identity: str) -> None:
    source.commit(Write(Op.INSERT, ORDERS, {"id": identity, "total": "1.00", "note": "n", "tags": "{}"}))


def test_killed_at_any_moment_it_ends_with_every_row_once(kafka: Kafka) -> None:
    settings, chance = settings_of(kafka), random.Random(3)
    for failpoint in ("during_write:5", "after_write:3"):
        process = child(settings, failpoint)
        process.communicate(timeout=SECONDS)
        assert process.returncode == -signal.SIGKILL
    process = child(settings)
    assert process.stdout is not None and process.stdout.readline() == "running\n"
    try:
        process.wait(chance.uniform(0.05, 1))
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    process = child(settings)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors

    log = history(seed=1).log
    for table in (ORDERS, LINES, EVENTS):
        assert places(settings, table) == written(log, table)


def child(settings: KafkaSettings, failpoint: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.destinations.capturing", settings.bootstrap, settings.store],
        env={**os.environ, "TILL_FAILPOINT": failpoint},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
