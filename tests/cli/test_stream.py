"""Capture, load and page as processes of their own with a real broker in between."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Start, wait_until_live
from tests.cli.run_till import begin, eventually, finish, till
from tests.services.kafka import Kafka
from tillstream.simulate.server import EmbeddedPostgres


@pytest.fixture
def streaming(folder: Path, kafka: Kafka) -> Path:
    """A folder with a store of the past and nothing in its warehouse, that says to go through a stream."""
    for name in ("warehouse", "dbt"):
        shutil.rmtree(folder / name)
    stream = f'[stream]\nurl = "kafka://{kafka.bootstrap}"\nstore = "{kafka.prefix}"\npartitions = 3\n'
    (folder / "till.toml").write_text(f'[source]\nkind = "demo"\n{stream}')
    return folder


def sell(folder: Path, transactions: int = 600) -> subprocess.Popen[str]:
    """People who order in the store while its server runs."""
    url = EmbeddedPostgres(folder / "postgres").url
    return begin("simulate", "--url", url, "--rate", "40", "--transactions", str(transactions), "--seed", "3")


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    finish(process)


def test_capture_and_load_survive_being_killed_and_end_exact(streaming: Path, start: Start) -> None:
    capture = start("capture", "--dir", streaming)
    load = start("load", "--dir", streaming)
    wait_until_live(streaming, load)

    status = till("status", "--dir", streaming, "--json").last_line
    assert (status["pid"], status["processes"]["capture"]["pid"]) == (load.pid, capture.pid)
    shop = sell(streaming)
    exact = till("verify", "--dir", streaming, "--json")
    assert (exact.status, exact.out.count('"exact": false')) == (0, 0), exact.err

    for _ in range(2):
        killed(load)
        load = start("load", "--dir", streaming)
        killed(capture)
        capture = start("capture", "--dir", streaming)
        wait_until_live(streaming, load)
    assert finish(shop).status == 0
    eventually(lambda: till("verify", "--dir", streaming).status == 0, "exact after both were killed", 120)

    shown = till("topics", "--dir", streaming, "--json").last_line["topics"]
    orders = next(each for each in shown if each["name"].endswith(".public.orders"))
    assert (orders["partitions"], orders["lag"]) == (3, 0)
    assert orders["messages"] >= 300
    words = till("status", "--dir", streaming)
    assert "till load" in words.out
    assert "till capture" in words.out
    examined = till("doctor", "--dir", streaming)
    assert examined.status == 0, examined.out
