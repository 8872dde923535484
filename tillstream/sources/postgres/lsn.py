"""Positions in the write-ahead log, as numbers and as PostgreSQL writes them."""

from __future__ import annotations


def parse_lsn(text: str) -> int:
    """`1/2A` → 0x10000002A."""
    high, _, low = text.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def format_lsn(lsn: int) -> str:
    """0x10000002A → `1/2A`."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
