"""What happens to servers, cables and disks: the flow waits and goes on by itself, in the same process."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.conftest import assert_exact
from tests.chaos.test_kills import busy
from tests.chaos.world import World
from tests.services.proxy import proxied

pytestmark = pytest.mark.chaos
Scenario = Callable[[World], None]


def restart_the_store_while_it_streams(world: World) -> None:
    for _ in range(3):
        with busy(world, 11):
            flow_for(world, 20)
        world.server.restart()
        flow_for(world, 0)


def cut_the_connection_while_it_streams(world: World) -> None:
    proxy, through = proxied(world.store)
    with proxy:
        reroute(world, through)
        with busy(world, 12):
            for _ in range(5):
                flow_for(world, 10)
                proxy.cut()
        flow_for(world, 10)
        world.kill()
    world.route = world.store


def refuse_connections_for_a_while(world: World) -> None:
    proxy, through = proxied(world.store)
    with proxy:
        reroute(world, through)
        with busy(world, 13):
            flow_for(world, 10)
            proxy.refuse()
            wait_until(lambda: "flow interrupted" in world.log(), "the pipeline notices")
            proxy.heal()
            flow_for(world, 10)
        world.kill()
    world.route = world.store


DISRUPTIONS: list[Scenario] = [
    restart_the_store_while_it_streams,
    cut_the_connection_while_it_streams,
    refuse_connections_for_a_while,
]


def reroute(world: World, url: str) -> None:
    """Let the pipeline find the store at another address."""
    world.kill()
    world.route = url
    world.begin()


def flow_for(world: World, landings: int) -> None:
    """Until that many more batches have landed."""
    begun = world.forgotten()
    wait_until(lambda: world.forgotten() > begun or landings == 0, "the pipeline flows")


def wait_until(claim: Callable[[], bool], what: str, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not claim():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.parametrize("disrupt", DISRUPTIONS, ids=lambda scenario: scenario.__name__)
def test_no_change_is_lost_or_doubled(disrupt: Scenario, world: World) -> None:
    world.begin()
    disrupt(world)
    assert_exact(world.settle())


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of that size."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")
def test_a_full_disk_stops_the_flow_until_there_is_room(world: World, tmp_path: Path) -> None:
    assert_exact(world.settle())
    home = world.folder
    # How much there is to copy depends on the tests before.
    with small_disk(tmp_path / "disk", occupied(home) + 200) as disk:
        shutil.copytree(home, disk / "till", symlinks=True)
        world.folder = disk / "till"
        ballast = disk / "ballast"
        with busy(world, 14):
            world.begin()
            flow_for(world, 1)
            fill(ballast)
            wait_until(lambda: "disk is full" in world.log(), "the pipeline says that the disk is full")
            ballast.unlink()
            flow_for(world, 1)
        world.kill()
        assert_exact(world.settle())
        shutil.rmtree(home)
        shutil.copytree(world.folder, home, symlinks=True)
    world.folder = home


def occupied(folder: Path) -> int:
    """The megabytes that the files of a folder take, in pages of 4 KiB."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return sum(-(-size // 4096) for size in sizes) // 256 + 1


def fill(path: Path) -> None:
    """Take all the room there is, the last of it in small pieces."""
    for size in (1 << 20, 1 << 12):
        with contextlib.suppress(OSError):
            grow(path, size)


def grow(path: Path, size: int) -> None:
    """Append pieces of that size until there is no room; OSError says so."""
    with path.open("ab", buffering=0) as file:
        while True:
            file.write(b"\0" * size)
