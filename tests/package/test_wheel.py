"""The wheel is all that is needed: command, schema, profiles and models come with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.style.tree import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the wheel in it."""
    folder = tmp_path_factory.mktemp("wheel")
    run("-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    run("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(site), str(wheel), cwd=folder)
    return site


def run(*arguments: str, cwd: Path, site: Path | None = None) -> str:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if site is not None:
        variables["PYTHONPATH"] = str(site)
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_of_an_installed_wheel_knows_its_commands(installed: Path, tmp_path: Path) -> None:
    said = run(str(installed / "bin" / "till"), "--help", cwd=tmp_path, site=installed)
    assert "demo" in said
    assert "verify" in said


def test_every_file_that_the_package_reads_is_in_the_wheel(installed: Path) -> None:
    shipped = {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()}
    for path in (ROOT / "tillstream").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(ROOT) in shipped
    for path in (ROOT / "dbt").rglob("*"):
        if path.is_file() and path.relative_to(ROOT / "dbt").parts[0] not in ("target", "logs"):
            assert Path("tillstream", "_dbt") / path.relative_to(ROOT / "dbt") in shipped


def test_an_installed_wheel_finds_its_own_models(installed: Path, tmp_path: Path) -> None:
    script = "from tillstream import models as m; print(m.__file__); print(next(p for p in m._PLACES if p.is_dir()))"
    module, folder = run("-c", script, cwd=tmp_path, site=installed).splitlines()
    assert Path(module).is_relative_to(installed)
    assert Path(folder) == installed / "tillstream" / "_dbt"
    assert (Path(folder) / "dbt_project.yml").is_file()
