"""The brokers themselves: real ones, and ours to kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.services.broker import Cluster
from tests.services.kafka import Kafka
from tests.services.tether import Tethered

SHORT = 30.0


def test_what_is_produced_is_consumed_in_order(kafka: Kafka) -> None:
    topic = kafka.topic()
    producer = kafka.producer()
    for number in range(1000):
        producer.produce(topic, key=b"key", value=str(number).encode())
    assert producer.flush(SHORT) == 0
    assert [int(each.value() or b"") for each in kafka.messages(topic, count=1000)] == list(range(1000))


def test_an_aborted_transaction_is_not_seen(kafka: Kafka) -> None:
    topic = kafka.topic()
    producer = kafka.producer(transactional_id=f"{kafka.prefix}.capture")
    producer.init_transactions(SHORT)
    for value, ending in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value=value)
        ending(SHORT)
    assert [each.value() for each in kafka.messages(topic, count=1)] == [b"committed"]


def test_a_write_goes_on_when_one_of_three_brokers_is_killed(cluster: Cluster, replicated: Kafka) -> None:
    topic = replicated.topic(partition_count=3)
    producer = replicated.producer(acks="all", enable_idempotence=True)
    for number in range(300):
        if number == 150:
            assert producer.flush(SHORT) == 0
            cluster.brokers[0].kill()
        producer.produce(topic, value=str(number).encode())
    assert producer.flush(SHORT) == 0
    assert {int(each.value() or b"") for each in replicated.messages(topic, count=300)} == set(range(300))


def test_a_killed_broker_comes_back_with_what_it_had(cluster: Cluster, replicated: Kafka) -> None:
    topic = replicated.topic()
    producer = replicated.producer(acks="all")
    producer.produce(topic, value=b"kept")
    assert producer.flush(SHORT) == 0
    for broker in cluster.brokers:
        broker.kill()
    cluster.heal()
    assert [each.value() for each in replicated.messages(topic, count=1)] == [b"kept"]


def test_a_service_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.services.tether import Tethered;"
        "tethered = Tethered(['sh', '-c', 'echo $$; exec sleep 600'], Path(sys.argv[1])); print(1, flush=True);"
        "sys.stdin.read()"
    )
    log = tmp_path / "log"
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin and parent.stdout
    with parent.stdin, parent.stdout:
        assert parent.stdout.readline() == "1\n"
        wait_for(lambda: log.read_text().strip() != "")
        child = int(log.read_text())
        assert is_alive(child)
        parent.send_signal(signal.SIGKILL)
        parent.wait(SHORT)
        wait_for(lambda: not is_alive(child))


def test_a_service_that_ends_by_itself_says_how(tmp_path: Path) -> None:
    tethered = Tethered(["sh", "-c", "echo its last words; exit 3"], tmp_path / "log")
    assert tethered.wait(SHORT) == 3
    assert tethered.tail() == "its last words"


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SHORT
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
