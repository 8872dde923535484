"""Real Kafka brokers on loopback: one or several, which can be killed, frozen and started again."""

from __future__ import annotations

import base64
import random
import socket
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.services.jvm import Jvm
from tests.services.tether import Tethered

# Below the ports that the system lends to connections, so that nothing takes one while its broker is down.
PORTS = range(20_000, 32_000)
_ATTEMPTS = 5
_START_SECONDS = 120.0
_TAKEN = "Address already in use"
# Small, and quick to notice that a broker or a client is gone.
SETTINGS = {
    "auto.create.topics.enable": "false",
    "background.threads": "2",
    "broker.heartbeat.interval.ms": "1000",
    "broker.session.timeout.ms": "4000",
    "file.delete.delay.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "log.cleaner.backoff.ms": "500",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.retention.check.interval.ms": "1000",
    "num.io.threads": "2",
    "num.network.threads": "2",
    "offsets.topic.num.partitions": "1",
    "replica.lag.time.max.ms": "4000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "transaction.state.log.num.partitions": "1",
}


class Broker:
    """One of a cluster's brokers: broker and controller in one process."""

    def __init__(self, number: int, folder: Path, jvm: Jvm) -> None:
        self.number = number
        self.folder = folder
        self.port = 0
        self._jvm = jvm
        self._process: Tethered | None = None

    @property
    def runs(self) -> bool:
        """Whether its process is there; it may be frozen."""
        return self._process is not None and self._process.status is None

    @property
    def log(self) -> str:
        """What it said last."""
        return self._process.tail() if self._process else ""

    def format(self, cluster_id: str) -> Tethered | None:
        """Begin to make its folder ready; None when it is."""
        if (self.folder / "data" / "meta.properties").exists():
            return None
        command = self._command("kafka.tools.StorageTool", "format", "--cluster-id", cluster_id, "--config")
        return Tethered(command, self.folder / "format.log")

    def start(self) -> None:
        """Start its process, and do not wait for it."""
        assert not self.runs
        self._process = Tethered(self._command("kafka.Kafka"), self.folder / "broker.log")

    def stop(self) -> None:
        """End it in order: it hands its partitions over and closes its files."""
        if self._process:
            self._process.stop()
            if self._jvm.learning:
                self._jvm.keep_classes(self.folder)

    def kill(self) -> None:
        """End it as a power failure would."""
        if self._process:
            self._process.kill()

    def forget(self) -> None:
        """What it said does not count any more."""
        (self.folder / "broker.log").unlink()

    def freeze(self) -> None:
        """Keep the process, and let it do nothing until `thaw`."""
        if self._process:
            self._process.send("STOP")

    def thaw(self) -> None:
        """Go on after `freeze`."""
        if self._process:
            self._process.send("CONT")

    def write_settings(self, settings: Mapping[str, str]) -> None:
        """The file that `format` and `start` read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        own = {"node.id": str(self.number), "log.dirs": str(self.folder / "data")}
        lines = [f"{name}={value}\n" for name, value in (dict(settings) | own).items()]
        (self.folder / "server.properties").write_text("".join(lines))

    def _command(self, program: str, *arguments: str) -> list[str]:
        return self._jvm.command(self.folder, program, *arguments, str(self.folder / "server.properties"))


class Cluster:
    """Brokers that are one cluster, in a folder. With three, a write needs two of them."""

    def __init__(
        self, folder: Path, jvm: Jvm, broker_count: int = 1, settings: Mapping[str, str] | None = None
    ) -> None:
        self.brokers = [Broker(number, folder / f"broker-{number}", jvm) for number in range(1, broker_count + 1)]
        self._settings = dict(settings or {})
        self._ports: list[int] = []

    @property
    def bootstrap(self) -> str:
        """Where clients begin: every broker."""
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    def start(self, ports: Sequence[int] = ()) -> Self:
        """Start every broker, and wait until all answer. Ports are free ones, or two of each broker as named."""
        for attempt in range(1, _ATTEMPTS + 1):
            self._take(ports or free_ports(2 * len(self.brokers)))
            try:
                return self._start()
            except AssertionError as error:
                self.kill()
                # Between the look for a free port and its use, another program may have taken it.
                if ports or attempt == _ATTEMPTS or _TAKEN not in str(error):
                    raise
                for broker in self.brokers:
                    broker.forget()
        raise AssertionError("not reached")

    def stop(self) -> None:
        """End every broker in order."""
        for broker in self.brokers:
            broker.stop()

    def kill(self) -> None:
        """End every broker at once."""
        for broker in self.brokers:
            broker.kill()

    def heal(self) -> None:
        """Every broker runs again and has caught up."""
        for broker in self.brokers:
            broker.thaw()
            if not broker.runs:
                broker.start()
        self.wait_until(self._is_whole)

    def wait_until(self, holds: Callable[[AdminClient], bool], seconds: float = _START_SECONDS) -> None:
        """Wait until something holds; an AssertionError with the brokers' last words when it does not in time."""
        quick = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "log_level": 0}
        admin = AdminClient({"bootstrap.servers": self.bootstrap, **quick})
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(KafkaException):
                if holds(admin):
                    return
            ended = [broker for broker in self.brokers if not broker.runs]
            assert len(ended) < len(self.brokers), f"no broker runs\n{ended[0].log}"
            time.sleep(0.02)
        words = "\n".join(broker.log for broker in self.brokers)
        raise AssertionError(f"{holds.__name__} did not hold within {seconds:.0f} s\n{words}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Several at once in order would wait for each other; what they hold is thrown away.
        if len(self.brokers) == 1:
            self.stop()
        else:
            self.kill()

    def _start(self) -> Self:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        for made in [broker.format(cluster_id) for broker in self.brokers]:
            assert made is None or made.wait(_START_SECONDS) == 0, made.tail()
        for broker in self.brokers:
            broker.start()
        self.wait_until(self._answers)
        return self

    def _take(self, ports: Sequence[int]) -> None:
        pairs = list(zip(self.brokers, ports[::2], ports[1::2], strict=True))
        copies = str(min(3, len(pairs)))
        needed = str(min(2, len(pairs)))
        for broker, port, control in pairs:
            broker.port = port
            listeners = f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}"
            broker.write_settings(
                {
                    **SETTINGS,
                    "process.roles": "broker,controller",
                    "controller.quorum.voters": ",".join(f"{each.number}@127.0.0.1:{own}" for each, _, own in pairs),
                    "controller.listener.names": "CONTROLLER",
                    "listeners": listeners,
                    "advertised.listeners": listeners.split(",")[0],
                    "default.replication.factor": copies,
                    "min.insync.replicas": needed,
                    "offsets.topic.replication.factor": copies,
                    "transaction.state.log.replication.factor": copies,
                    "transaction.state.log.min.isr": needed,
                    **self._settings,
                }
            )

    def _answers(self, admin: AdminClient) -> bool:
        for broker in self.brokers:
            # It would take a minute to end by itself.
            assert _TAKEN not in broker.log, broker.log
        return len(admin.list_topics(timeout=1).brokers) == len(self.brokers)

    def _is_whole(self, admin: AdminClient) -> bool:
        seen = admin.list_topics(timeout=1)
        partitions = [each for topic in seen.topics.values() for each in topic.partitions.values()]
        return len(seen.brokers) == len(self.brokers) and all(
            len(each.isrs) == len(each.replicas) and each.leader >= 0 for each in partitions
        )


def free_ports(count: int) -> list[int]:
    """Ports on which nothing listens now."""
    found: list[int] = []
    for port in random.sample(PORTS, 50 * count):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports on 127.0.0.1")
