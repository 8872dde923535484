"""A store's topics on a real broker, the folder that leads to them, and the client library alone as their reader."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from scripts.set_up_kafka import Missing
from tests.services.broker import Cluster
from tests.services.jvm import jvm

PARTITIONS = 3
# A place of its own in the store's log, beside the pipeline's that goes straight to the warehouse.
SLOT = "benchmark_stream"
# An environment variable that names a cluster to be used instead.
EXISTING = "KAFKA_BOOTSTRAP"
_PIECE = 10_000
_PATIENCE = 600.0

Offsets = Mapping[tuple[str, int], int]


def lacking() -> str:
    """Why no broker can be had on this machine; nothing when one can. What has to be fetched is fetched now."""
    if os.environ.get(EXISTING):
        return ""
    try:
        jvm(quick=False)
    except Missing as missing:
        return str(missing)
    return ""


@contextmanager
def streamed(folder: Path, broker: Path) -> Iterator[None]:
    """A cluster as long as the block, and a folder whose settings lead through topics of its own in it."""
    existing = os.environ.get(EXISTING)
    store = f"bench-{uuid.uuid4().hex[:8]}"
    if existing:
        write_settings(folder, existing, store)
        try:
            yield
        finally:
            forget(existing, store)
    else:
        with Cluster(broker, jvm(quick=False)) as cluster:
            write_settings(folder, cluster.bootstrap, store)
            yield


def write_settings(folder: Path, bootstrap: str, store: str) -> None:
    """What capture and load of that folder go by; the store's URL comes from the environment."""
    folder.mkdir(parents=True, exist_ok=True)
    source = f'[source]\nkind = "postgres"\nslot = "{SLOT}"\npublication = "{SLOT}"\n'
    stream = f'[stream]\nurl = "kafka://{bootstrap}"\nstore = "{store}"\npartitions = {PARTITIONS}\n'
    (folder / "till.toml").write_text(f"{source}\n{stream}")


def forget(bootstrap: str, store: str) -> None:
    """Delete a store's topics."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [name for name in admin.list_topics(timeout=60).topics if name.startswith(f"{store}.")]
    for deleted in admin.delete_topics(topics).values() if topics else ():
        deleted.result(60)


def consumed(bootstrap: str, begin: Offsets) -> tuple[int, float]:
    """How many messages lie between these offsets and the ends, and the seconds to take them and do nothing."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "benchmark",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    begun = time.monotonic()
    consumer.assign([TopicPartition(*name, offset) for name, offset in begin.items()])
    left, count = set(begin), 0
    try:
        while left:
            assert time.monotonic() < begun + _PATIENCE, f"no end of {sorted(left)}"
            found = consumer.consume(_PIECE, 1.0)
            count += len(found)
            for message in [each for each in found if each.error() is not None]:
                count -= 1
                left.discard((message.topic() or "", message.partition() or 0))
        return count, time.monotonic() - begun
    finally:
        consumer.close()
