"""A process that fills the disk under an embedded warehouse, makes space, and goes on.

`python -m tests.destinations.filling FOLDER BALLAST` writes until the disk is full and then removes the file
BALLAST; without BALLAST, files may grow to a few megabytes only, and later without limit.
"""

from __future__ import annotations

import random
import resource
import sys
from pathlib import Path

from tests.destinations.rows import batch, copied, table
from tillstream.change import Batch
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.errors import WarehouseFull

NOTES = table("notes", id="int64", note="text")
MOST_BATCHES = 100
LARGEST_FILE = 6_000_000


def piece(number: int, row_count: int) -> Batch:
    """Rows that don't compress."""
    chance = random.Random(number)
    rows = [
        b"%d\t%s\n" % (number * 10_000 + place, chance.randbytes(2000).hex().encode()) for place in range(row_count)
    ]
    return batch(copied(NOTES, b"".join(rows), 9))


def limit_files(most: int) -> None:
    """Let no file grow beyond that."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def main(folder: str, ballast: str = "") -> None:
    """Print what the error said, and `exact` if everything is there in the end."""
    warehouse = Warehouse(f"chdb://{folder}")
    destination = ClickHouseDestination(warehouse, {}, "store")
    if not ballast:
        # The engine looks for space before it merges, and a limit on files lowers no free space.
        destination.ensure(NOTES)
        warehouse.execute("system stop merges")
        limit_files(LARGEST_FILE)
    expected = number = 0
    while number < MOST_BATCHES:
        number += 1
        row_count = min(number * 300, 1000) if ballast else number * 300
        try:
            destination.write(number, piece(number, row_count), f"try {number}")
        except WarehouseFull as full:
            sys.stdout.write(f"{full.message}\n{full.retry.value}\n")
            break
        expected += row_count
    if ballast:
        Path(ballast).unlink()
    else:
        limit_files(resource.RLIM_INFINITY)
        warehouse.execute("system start merges")
    destination.discard(number, "notes")
    destination.write(number, piece(number, row_count), "again")
    count = warehouse.value("select count() from mirror.notes final where _deleted = 0")
    exact = number > 1 and count == expected + row_count and destination.arrived(number) == {"notes": row_count}
    sys.stdout.write("exact\n" if exact else f"{count} rows, not {expected + row_count}\n")
    destination.close()
    warehouse.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
