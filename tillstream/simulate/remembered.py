"""What a server's folder remembers between runs, in a file that only its owner can read."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tillstream.errors import StoreError

_FILE = "server.json"


@dataclass(frozen=True, slots=True)
class Remembered:
    """The role's password, the port last used, and the settings the server was last started with."""

    password: str
    port: int
    settings: dict[str, str] = field(default_factory=dict)


def remembered(folder: Path, *, is_new: bool) -> Remembered:
    """What the folder remembers; for a new one, a fresh password, remembered before it is used."""
    file = folder / _FILE
    try:
        return Remembered(**json.loads(file.read_text()))
    except FileNotFoundError:
        if not is_new:
            raise _without_password(file, "The file is missing.") from None
        fresh = Remembered(secrets.token_hex(16), 0)
        remember(folder, fresh)
        return fresh
    except PermissionError as error:
        raise StoreError(
            f'can\'t read "{file}"',
            detail=str(error),
            hint="Run as the user who made the store, or choose another folder with --dir.",
        ) from error
    except (ValueError, TypeError) as error:
        raise _without_password(file, str(error)) from error


def remember(folder: Path, state: Remembered) -> None:
    """Replace what the folder remembers, whole or not at all."""
    making = folder / f"{_FILE}.new"
    making.touch(mode=0o600)
    making.write_text(json.dumps(asdict(state), indent=2))
    making.replace(folder / _FILE)


def _without_password(file: Path, detail: str) -> StoreError:
    return StoreError(
        f'the password of the database in "{file.parent}" is lost',
        detail=f"{file.name}: {detail}",
        hint=f'Remove the folder to start with a new store: rm -r "{file.parent}"',
    )
