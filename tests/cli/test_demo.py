"""`till demo` from its first start to its end, however that comes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs
import pytest

from tests.cli.conftest import SMALL, Start, still_at_work, wait_until_live
from tests.cli.run_till import begin, eventually, finish, till


def test_a_demo_proves_its_numbers_and_leaves_nothing_running(finished_demo: Path) -> None:
    answer = json.loads((finished_demo.parent / "answer.json").read_text())

    assert answer["exact"] is True
    assert answer["changes"] > 0
    assert answer["changes_per_second"] > 0
    assert 0 < answer["freshness_p50_ms"] <= answer["freshness_p99_ms"]
    assert answer["url"].startswith("http://127.0.0.1:")
    assert still_at_work(finished_demo) == []
    assert not (finished_demo / "till.json").exists()
    assert (finished_demo / "warehouse").is_dir()
    assert (finished_demo / "postgres").is_dir()


def test_the_next_run_goes_on_with_the_same_store(folder: Path) -> None:
    before = orders(folder)

    answer = till("demo", "--for", "2s", "--rate", "100", *SMALL, "--dir", folder, "--json", timeout=120)

    assert (answer.status, answer.last_line["exact"]) == (0, True), answer.err
    assert orders(folder) > before
    assert "a year of history" not in answer.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_in_order_and_proves_its_numbers(folder: Path, number: signal.Signals) -> None:
    process = begin("demo", *SMALL, "--dir", folder, "--json")
    wait_until_live(folder, process)

    process.send_signal(number)
    answer = finish(process)

    assert (answer.status, answer.last_line["exact"]) == (0, True), answer.err
    assert still_at_work(folder) == []


def test_a_second_signal_ends_it_at_once(folder: Path) -> None:
    process = begin("demo", *SMALL, "--rate", "300", "--dir", folder, "--json")
    wait_until_live(folder, process)

    process.send_signal(signal.SIGINT)
    eventually(lambda: "the store is quiet" in read_so_far(process), "first signal was heard")
    process.send_signal(signal.SIGINT)
    answer = finish(process, timeout=30)

    assert answer.status in (0, 2), answer
    assert still_at_work(folder) == []


def test_a_killed_demo_is_taken_up_again(folder: Path) -> None:
    process = begin("demo", *SMALL, "--rate", "100", "--dir", folder)
    wait_until_live(folder, process)

    process.kill()
    finish(process)
    answer = till("demo", "--for", "1s", *SMALL, "--dir", folder, "--json", timeout=120)

    assert (answer.status, answer.last_line["exact"]) == (0, True), answer.err
    assert still_at_work(folder) == []


def test_a_demo_killed_while_it_reads_the_snapshot_is_taken_up_again(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    process = begin("demo", *SMALL, "--dir", folder)
    eventually(lambda: (folder / "till.json").exists(), "announced", 120)

    process.kill()
    finish(process)
    answer = till("demo", "--for", "1s", *SMALL, "--dir", folder, "--json", timeout=180)

    assert (answer.status, answer.last_line["exact"]) == (0, True), answer.err


def test_the_simulator_ends_with_the_demo_that_was_killed(folder: Path) -> None:
    process = begin("demo", *SMALL, "--dir", folder)
    wait_until_live(folder, process)
    children = children_of(process.pid)
    assert children

    process.kill()
    finish(process)

    eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "the simulator ended", 20)
    assert till("verify", "--dir", folder).status == 0


def test_a_folder_of_another_pipeline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text('[source]\nurl = "postgresql://till@shop/store"\n')

    answer = till("demo", "--dir", tmp_path)

    assert answer.status == 2
    assert f'error: folder "{tmp_path}" belongs to a pipeline of your own' in answer.err


def test_a_simulator_that_breaks_ends_the_demo_with_its_reason(folder: Path, start: Start) -> None:
    process = start("demo", *SMALL, "--dir", folder)
    wait_until_live(folder, process)

    for child in children_of(process.pid):
        os.kill(child, signal.SIGKILL)
    answer = finish(process)

    assert answer.status == 2
    assert "error: the simulator ended with status -9" in answer.err
    assert still_at_work(folder) == []


def orders(folder: Path) -> int:
    answer = till(
        "query", "select count() from mirror.orders final where _deleted = 0", "--format", "TSV", "--dir", folder
    )
    return int(answer.out)


def children_of(pid: int) -> list[int]:
    """The simulator: our child whose command says so."""
    return [child.pid for child in psutil.Process(pid).children() if "simulate" in child.cmdline()]


def read_so_far(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    os.set_blocking(process.stderr.fileno(), False)
    try:
        return process.stderr.read() or ""
    except TypeError:
        return ""
    finally:
        os.set_blocking(process.stderr.fileno(), True)


def test_no_model_is_built_on_after_a_kill(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "demo"
    process = start("demo", *SMALL, "--dir", folder)

    def dbt() -> list[str]:
        return [line for line in still_at_work(folder) if "--project-dir" in line]

    eventually(lambda: dbt() != [] or process.poll() is not None, "dbt runs", 120)
    assert process.poll() is None, finish(process)
    process.kill()
    finish(process)

    eventually(lambda: dbt() == [], "dbt ended", 10)
