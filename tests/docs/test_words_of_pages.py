"""What the pages name is there: modules, folders, commands and their options."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from tests.style.tree import ROOT, read
from tillstream.cli import app

PLACES = (
    "",
    "tillstream",
    "tillstream/flow",
    "tillstream/web",
    "tillstream/web/static",
    "tillstream/sources/postgres",
    "tillstream/destinations/clickhouse",
    "benchmarks",
)
# What a pipeline's folder has, or a package that is installed.
ELSEWHERE = {"till.toml", "till.json", "store.toml", "models/store", "models/live"}
PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", ["docs/explain/architecture.md", "CONTRIBUTING.md", "README.md"])
def test_every_module_that_is_named_is_there(page: str) -> None:
    named = set(re.findall(r"`([\w/]+\.(?:py|toml|sql|html|js))`", read(page))) - ELSEWHERE
    assert [name for name in sorted(named) if not any((ROOT / place / name).exists() for place in PLACES)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_named_is_there(page: str) -> None:
    wrong = []
    for line in re.findall(r"^(?:\.venv/bin/)?till ([^\n]+)", read(page), flags=re.MULTILINE):
        command: Any = typer.main.get_command(app)
        words = line.partition("#")[0].split()
        while words and (inside := getattr(command, "commands", None)):
            command = inside.get(words.pop(0))
        known = {option for parameter in getattr(command, "params", ()) for option in parameter.opts}
        typed = {word for word in re.sub(r"\"[^\"]*\"", "", " ".join(words)).split() if word.startswith("--")}
        if command is None or typed - known - {"--help"}:
            wrong.append(line)
    assert wrong == []
