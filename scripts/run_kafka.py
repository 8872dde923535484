"""A broker for development, until it is interrupted: `make kafka`, or `python -m scripts.run_kafka --help`.

`--once` starts one, ends it again, and keeps the classes that it loaded: the next one needs half the time.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

from scripts.set_up_kafka import Missing
from tests.services.broker import Cluster
from tests.services.jvm import jvm


def main() -> int:
    """Run a broker as the arguments say; 1 when a person has to help."""
    parser = argparse.ArgumentParser(description="A real Kafka broker on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=9092, help="where it listens; the next port is its controller's")
    parser.add_argument("--brokers", type=int, default=1, help="how many; each takes two ports")
    parser.add_argument("--dir", type=Path, default=Path(".till/kafka"), help="where its data stay")
    parser.add_argument("--once", action="store_true", help="only see that one starts here, and make the next quicker")
    wanted = parser.parse_args()
    try:
        if wanted.once:
            learn()
        else:
            serve(wanted.dir.absolute(), wanted.port, wanted.brokers)
    except Missing as missing:
        sys.stderr.write(f"{missing}\n")
        if wanted.once and "CI" not in os.environ:
            sys.stderr.write("· the tests with a broker will be skipped\n")
            return 0
        return 1
    return 0


def learn() -> None:
    """Start a broker and end it, unless that was done with these jars and this Java."""
    java = jvm(learning=True)
    if not java.archive.exists():
        with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder), java):
            pass


def serve(folder: Path, port: int, broker_count: int) -> None:
    """Run until interrupted. What is in the folder is there again the next time."""
    cluster = Cluster(folder, jvm(quick=False), broker_count, {"auto.create.topics.enable": "true"})
    cluster.start(range(port, port + 2 * broker_count))
    sys.stderr.write(f"· Kafka answers at {cluster.bootstrap}; its data are in {folder}; end it with Ctrl-C\n")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        sys.stderr.write("\n· ending\n")
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
