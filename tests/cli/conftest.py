"""Demo folders: made once, copied for every test that wants one."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs
import pytest

from tests.cli.run_till import begin, eventually, finish, till

SMALL = ("--orders", "300", "--customers", "60", "--products", "20", "--no-browser")


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a demo has run to its end. Not to be touched: copy it."""
    folder = tmp_path_factory.mktemp("finished") / "demo"
    answer = till("demo", "--for", "2s", *SMALL, "--dir", folder, "--json", timeout=240)
    assert answer.status == 0, answer.err
    (folder.parent / "answer.json").write_text(json.dumps(answer.last_line))
    return folder


@pytest.fixture
def folder(finished_demo: Path, tmp_path: Path) -> Path:
    """A demo folder of the test's own, where nothing runs."""
    # The database may belong to another user; a copy of it has to, too.
    subprocess.run(["cp", "-a", finished_demo, tmp_path / "demo"], check=True)
    return tmp_path / "demo"


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts commands that the test need not end itself."""
    processes = []

    def start_one(*arguments: str | Path) -> subprocess.Popen[str]:
        processes.append(begin(*arguments))
        return processes[-1]

    yield start_one
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            finish(process)


def phase(folder: Path) -> str:
    answer = till("status", "--dir", folder, "--json")
    return str(json.loads(answer.out)["phase"]) if answer.out else ""


def wait_until_live(folder: Path, process: subprocess.Popen[str]) -> None:
    def live_or_ended() -> bool:
        if process.poll() is not None:
            raise AssertionError(finish(process))
        return phase(folder) == "live"

    eventually(live_or_ended, "live", 120)


def still_at_work(folder: Path) -> list[str]:
    """Processes whose command line names the folder."""
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]
