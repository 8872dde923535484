"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from datetime import timedelta


class Size(int):
    """A number of bytes, printed as people write it: `16 MiB`."""

    def __str__(self) -> str:
        for unit, factor in reversed(SIZES.items()):
            if self and self % factor == 0:
                return f"{int(self) // factor} {unit}"
        return f"{int(self)} B"


SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
DURATIONS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*")


def parse_duration(text: str) -> timedelta:
    """`250 ms`, `2 s`, `5 min`, `1 h`, `1 d`. ValueError, saying what is expected, for anything else."""
    found = _QUANTITY.fullmatch(text)
    unit = {"m": "min"}.get(found.group(2), found.group(2)) if found else ""
    if found is None or unit not in DURATIONS:
        raise ValueError('expected a duration like "250 ms", "2 s", "5 min" or "1 h"')
    return timedelta(seconds=float(found.group(1)) * DURATIONS[unit])


def shown_duration(value: timedelta) -> str:
    """The duration in the largest unit that keeps it whole."""
    for unit, seconds in reversed(DURATIONS.items()):
        amount = value.total_seconds() / seconds
        if amount >= 1 and abs(amount - round(amount)) < 1e-9:
            return f"{round(amount)} {unit}"
    return f"{value.total_seconds() * 1000:g} ms"


def parse_size(text: str) -> Size:
    """`512 KiB`, `16 MiB`, `1 GiB`. ValueError, saying what is expected, for anything else."""
    found = _QUANTITY.fullmatch(text)
    if found is None or found.group(2) not in SIZES:
        raise ValueError('expected a size like "512 KiB", "16 MiB" or "1 GiB"')
    return Size(float(found.group(1)) * SIZES[found.group(2)])
