"""A full disk, for real: a small one is mounted. Collected where mounting is allowed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.destinations.test_full_disk import filled


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)], check=True)
    try:
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 24_000_000)
        printed, errors = filled(disk / "warehouse", ballast)
        assert printed == ["the warehouse's disk is full", "later", "exact"], errors
    finally:
        subprocess.run(["umount", str(disk)], check=True)
