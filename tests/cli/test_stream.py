"""Capture, load and page as processes of their own with a real broker in between."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Start
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


def sell(folder: Path, transactions: int = 400) -> subprocess.Popen[str]:
    """People who order in the store while its server runs."""
    url = EmbeddedPostgres(folder / "postgres").url
    return begin("simulate", "--url", url, "--rate", "40", "--transactions", str(transactions), "--seed", "3")


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    finish(process)


def test_a_page_of_its_own_serves_the_loaders_that_come_and_go(streaming: Path, start: Start) -> None:
    page = start("serve", "--dir", streaming)
    eventually(lambda: bool(processes(streaming).get("serve", {}).get("url")), "served")
    start("capture", "--dir", streaming)
    load = start("load", "--dir", streaming)
    wait_until_loading(streaming, load)
    shop = sell(streaming, 100)
    assert till("verify", "--dir", streaming).status == 0

    killed(load)
    assert finish(shop).status == 0
    counted = till("query", "select count() as orders from mirror.orders final", "--json", "--dir", streaming)
    assert counted.last_line["orders"] >= 300
    load = start("load", "--dir", streaming)
    wait_until_loading(streaming, load)
    assert till("verify", "--dir", streaming).status == 0
    assert till("models", "test", "--select", "sales_by_day", "--dir", streaming).status == 0
    found = processes(streaming)
    assert {name: each["pid"] for name, each in found.items()}.items() >= {"load": load.pid, "serve": page.pid}.items()


def wait_until_loading(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until the status speaks of just this process as live: others may still, or already, be."""

    def is_live() -> bool:
        found = processes(folder).get("load", {})
        return (found.get("pid"), found.get("phase")) == (process.pid, "live")

    eventually(is_live, "live", 120)


def processes(folder: Path) -> dict[str, dict[str, Any]]:
    """What `till status` says of each process."""
    answer = till("status", "--dir", folder, "--json")
    if not answer.out or not answer.last_line["running"]:
        return {}
    content = answer.last_line
    return {content["role"]: content, **content["processes"]}


def test_capture_and_load_survive_being_killed_and_end_exact(streaming: Path, start: Start) -> None:
    capture = start("capture", "--dir", streaming)
    load = start("load", "--dir", streaming)
    wait_until_loading(streaming, load)

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
        wait_until_loading(streaming, load)
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
