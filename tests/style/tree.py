"""The tracked files, and the parsed modules among them."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file. `path` is relative to the root."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def is_public(self) -> bool:
        """Part of the package, and named without a leading underscore."""
        return self.path.parts[0] == "tillstream" and not self.path.stem.strip("_").startswith("_")


@cache
def files() -> tuple[Path, ...]:
    """Every file that is tracked or about to be, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return tuple(sorted(Path(name) for name in set(listed) if name and (ROOT / name).is_file()))


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file, parsed."""
    found = []
    for path in files():
        if path.suffix == ".py":
            text = (ROOT / path).read_text()
            found.append(Module(path, text, ast.parse(text)))
    return tuple(found)


def read(path: Path | str) -> str:
    """A tracked file's text; empty for one that is not text."""
    try:
        return (ROOT / path).read_text()
    except UnicodeDecodeError:
        return ""
