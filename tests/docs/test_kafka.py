"""The guide to Kafka: its settings are taken, its commands are there, and `tests/cli/test_stream.py` runs them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from tests.style.tree import read
from tillstream.cli import app
from tillstream.config import load

GUIDE = read("docs/guides/kafka.md")
SETTINGS = re.findall(r"```toml\n(.*?)```", GUIDE, flags=re.DOTALL)
COMMANDS = re.findall(r"^till (\w+)(.*)$", GUIDE, flags=re.MULTILINE)


@pytest.mark.parametrize("text", SETTINGS, ids=range(len(SETTINGS)))
def test_its_settings_are_taken(text: str, tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text(text)

    settings = load(tmp_path, {"SHOP_BROKERS": "kafka://till:secret@one:9093"})

    assert settings.stream.url is not None
    assert settings.stream.bootstrap.startswith("one:")


@pytest.mark.parametrize(("name", "arguments"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_its_commands_are_there(name: str, arguments: str) -> None:
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]  # a group has them
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[\w-]+", arguments)) <= known
