"""One setting: its type, its check, and the values that may not be printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit


class Secret:
    """A text that can't be printed by accident; `reveal` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    @property
    def shown(self) -> str:
        """What may be shown of it."""
        return "***"

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class Url(Secret):
    """A URL that may hold a password."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        """The URL with its password as stars."""
        if not self.is_url:
            return "***"
        password = urlsplit(self._value).password
        return self._value if password is None else self._value.replace(f":{password}@", ":***@", 1)

    @property
    def has_password(self) -> bool:
        return not self.is_url or urlsplit(self._value).password is not None

    @property
    def is_url(self) -> bool:
        """False where the end of the password, or of the host, can't be told: then nothing of it may be shown."""
        try:
            parts = urlsplit(self._value)
            return parts.netloc.count("@") <= 1 and ("@" in parts.netloc or "@" not in parts.path)
        except ValueError:
            return False


def setting(default: Any, help: str, *, check: Callable[[Any], str] = lambda _value: "") -> Any:
    """One setting. `check` answers what is wrong with a value, or nothing."""
    return field(default=default, metadata={"help": help, "check": check})


def one_of(*choices: str) -> Callable[[Any], str]:
    """A check that the value is among these."""
    return lambda value: "" if value in choices else "expected one of " + ", ".join(f'"{c}"' for c in choices)


def between(least: int, most: int) -> Callable[[Any], str]:
    """A check that the number is in this range, ends included."""
    return lambda value: "" if least <= value <= most else f"expected {least} to {most}"


def fits(pattern: str, expected: str) -> Callable[[Any], str]:
    """A check that the whole text matches."""
    return lambda value: "" if re.fullmatch(pattern, value) else f"expected {expected}"
