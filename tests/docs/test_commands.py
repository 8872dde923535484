"""What the pages tell a stranger to type is typed here, in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.style.tree import ROOT, files, read

# What the make that runs these tests was told is not meant for the ones on the pages.
OUR_OWN = ("CI", "ARGS", "FOR", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS")

RUNNABLE = re.compile(r"^```sh runs\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
LONGEST = 240


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked files, with the environment that is there already; one store for all pages, as for a reader."""
    tmp_path = tmp_path_factory.mktemp("checkout")
    if not (ROOT / ".venv" / "dev.stamp").exists():
        pytest.skip("needs .venv: make .venv/dev.stamp")
    for path in files():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, tmp_path / path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def typed(script: str, folder: Path) -> None:
    process = subprocess.Popen(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in OUR_OWN},
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        raise AssertionError(f"still running after {LONGEST} s\n{output}") from None
    assert process.returncode == 0, output


@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_the_commands_of_a_page_work_in_order(page: str, checkout: Path) -> None:
    blocks = RUNNABLE.findall(read(page))
    assert blocks
    typed("\n".join(blocks), checkout)
