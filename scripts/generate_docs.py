"""Write `docs/reference` from the code it speaks of: `python scripts/generate_docs.py [--check]`."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from tillstream import errors
from tillstream.cli import app
from tillstream.flow.failpoints import FAILPOINTS
from tillstream.settings import SECTIONS, shown, table_of_settings
from tillstream.web.metrics import METRICS

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
MADE_FROM = "<!-- Written by `make docs` from {source}; change it there. -->\n"


def main() -> None:
    """Write every page; with --check only say which are not what they would be."""
    stale = []
    for name, text in pages().items():
        path = REFERENCE / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for name in stale:
        sys.stderr.write(f"· docs/reference/{name} was not current\n")
    sys.exit(1 if stale and "--check" in sys.argv else 0)


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    return {
        "settings.md": "".join(_settings()),
        "commands.md": "".join(_commands()),
        "errors.md": "".join(_errors()),
        "metrics.md": "".join(_metrics()),
    }


def _metrics() -> Iterator[str]:
    yield "# Metrics\n\n" + MADE_FROM.format(source="`tillstream/web/metrics.py`")
    yield "\n`/metrics` on the page's address, for Prometheus. What is not known is left out.\n\n"
    yield "| metric | kind | what it says |\n|---|---|---|\n"
    for name, (kind, about) in METRICS.items():
        yield f"| `{name}` | {kind} | {about} |\n"


def _settings() -> Iterator[str]:
    yield "# Settings\n\n" + MADE_FROM.format(source="`tillstream/settings.py`")
    yield (
        "\nThey stand in `till.toml` in the folder that `--dir` names. A variable of the environment wins over it.\n"
        'Secrets are given by reference: `url = { env = "STORE_URL" }` or `url = { file = "source.url" }`.\n'
        "`till config show` prints what holds, and where each value came from.\n"
    )
    for section, kind in SECTIONS.items():
        yield f"\n## {section}\n\n{inspect.getdoc(kind)}\n\n"
        yield "| setting | default | what it is for | variable |\n|---|---|---|---|\n"
        for row in table_of_settings():
            if row.section == section:
                yield f"| `{row.name}` | `{shown(row.default)}` | {_cell(row.help)} | `{row.variable}` |\n"


def _commands() -> Iterator[str]:
    yield "# Commands\n\n" + MADE_FROM.format(source="`tillstream/cli.py`")
    yield (
        "\nEvery command takes `--dir`, the folder that holds `till.toml` and all state, and `--json`.\n"
        "With `--json` the result is the last line of standard output, and words go to standard error.\n"
        "Exit status: 0 well, 1 not as it should be (`verify`: different), 2 could not be done.\n"
    )
    yield from _command("till", typer.main.get_command(app))
    yield "\n## For tests\n\n"
    yield "`TILL_FAILPOINT=name` kills the process the first time it gets to that point, `name:3` the third time:\n"
    yield ", ".join(f"`{name}`" for name in FAILPOINTS) + ".\n"


def _command(name: str, command: Any) -> Iterator[str]:
    if subcommands := getattr(command, "commands", None):
        for word, subcommand in subcommands.items():
            yield from _command(f"{name} {word}", subcommand)
        return
    parameters = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    arguments = [parameter.name.upper() for parameter in parameters if parameter.param_type_name == "argument"]
    yield f"\n## {name}\n\n{command.help}\n\n"
    yield f"    {' '.join([name, *arguments, '[options]'])}\n\n"
    yield "| | default | |\n|---|---|---|\n"
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            yield f"| `{parameter.name.upper()}` | | {_cell(parameter.help or '')} |\n"
        else:
            yield f"| `{' '.join(parameter.opts)}` | {_default(parameter)} | {_cell(parameter.help or '')} |\n"


def _default(parameter: Any) -> str:
    if parameter.default in (None, "", False) or callable(parameter.default):
        return ""
    return f"`{parameter.default}`"


def _errors() -> Iterator[str]:
    yield "# Errors\n\n" + MADE_FROM.format(source="`tillstream/errors.py`")
    yield (
        "\nEvery error says what is wrong, then the facts, then what to do about it.\n"
        "Those marked *tried again* end by themselves once their cause is gone; the flow waits and loses nothing.\n\n"
    )
    tree = ast.parse(inspect.getsource(errors))
    yield "| error | kind of | what it says | |\n|---|---|---|---|\n"
    for node in tree.body:
        kind = getattr(errors, node.name) if isinstance(node, ast.ClassDef) else None
        if kind is not None and issubclass(kind, errors.TillError):
            again = "tried again" if kind.retry is errors.Retry.LATER else ""
            meaning = _cell((inspect.getdoc(kind) or "").split("\n\n")[0])
            yield f"| {kind.__name__} | {kind.__bases__[0].__name__} | {meaning} | {again} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
