"""Where each section and setting stands in a till.toml; tomllib does not say."""

from __future__ import annotations

import re
from itertools import accumulate

_WORD = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_DOTTED = rf"{_WORD}(?:\s*\.\s*{_WORD})*"
_HEADER = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")


def lines_of(text: str) -> dict[str, int]:
    """The line where each section and setting stands first, by its full name without quotes."""
    lines: dict[str, int] = {}
    section: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _HEADER.match(line):
            section = _words(found.group(1))
            names = section
        elif found := _KEY.match(line):
            names = [*section, *_words(found.group(1))]
        else:
            continue
        for name in accumulate(names, lambda first, second: f"{first}.{second}"):
            lines.setdefault(name, number)
    return lines


def _words(dotted: str) -> list[str]:
    return [word.strip("\"'") for word in re.findall(_WORD, dotted)]
