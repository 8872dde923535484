"""Which account the database server runs as. PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tillstream.errors import StoreError


@dataclass(frozen=True, slots=True)
class Account:
    """An operating system account; `borrowed` when it is not the one we run as."""

    uid: int
    gid: int
    borrowed: bool

    @property
    def process_options(self) -> dict[str, Any]:
        """What subprocess needs to start a process as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.borrowed else {}

    def own(self, path: Path) -> None:
        """Give a file or folder to the account."""
        if self.borrowed:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether every folder above the path may be entered by the account, and the path itself read."""
        if not self.borrowed:
            return True
        steps = [*reversed(path.parents), path]
        return all(self._enters(step) for step in steps)

    def _enters(self, path: Path) -> bool:
        status = path.stat()
        if status.st_uid == self.uid:
            wanted = 0o500
        elif status.st_gid == self.gid:
            wanted = 0o050
        else:
            wanted = 0o005
        # A folder that may be entered but not listed is enough on the way.
        if path.is_dir():
            wanted &= 0o111
        return status.st_mode & wanted == wanted


def account_for(data: Path) -> Account:
    """Our own account; as root, the owner of the data folder, or `nobody` when there is none yet."""
    me = os.geteuid()
    owner = data.stat() if data.is_dir() else None
    if me != 0:
        if owner is not None and owner.st_uid != me:
            raise StoreError(
                f'the database in "{data}" belongs to another user',
                detail=f"It belongs to user {owner.st_uid}; this process runs as user {me}.",
                hint="Run as that user, or choose another folder with --dir.",
            )
        return Account(me, os.getegid(), borrowed=False)
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, borrowed=True)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise StoreError(
            'PostgreSQL does not run as root, and there is no account "nobody" to run it as',
            hint="Run tillstream as an ordinary user.",
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid, borrowed=True)
