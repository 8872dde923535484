"""Kafka Connect with Debezium's connectors: one worker in one process, driven over its REST interface."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from tests.services.broker import free_ports
from tests.services.jvm import Jvm, jvm_or_skip
from tests.services.tether import Tethered

_START_SECONDS = 120.0
_ANSWER_SECONDS = 60.0


class ConnectorFailed(AssertionError):
    """A connector that does not run; the text is what it says itself."""


class Connect:
    """A worker of Kafka Connect. Connectors are added, watched and removed while it runs.

    It keeps their positions in a file of its folder: a worker started there again goes on where this one was.
    """

    def __init__(self, folder: Path, bootstrap: str, jvm: Jvm) -> None:
        self.folder = folder
        self._bootstrap = bootstrap
        self._jvm = jvm
        self._process: Tethered | None = None
        self._rest = httpx.Client(timeout=_ANSWER_SECONDS)

    def start(self) -> Self:
        """Start the worker, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        settings = {
            "bootstrap.servers": self._bootstrap,
            "listeners": f"http://127.0.0.1:{port}",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "offset.storage.file.filename": str(self.folder / "offsets"),
            "offset.flush.interval.ms": "200",
            "plugin.discovery": "service_load",
        }
        worker = self.folder / "worker.properties"
        worker.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        program = "org.apache.kafka.connect.cli.ConnectStandalone"
        command = self._jvm.command(self.folder, program, str(worker))
        self._process = Tethered(command, self.folder / "connect.log")
        self._rest.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        self._wait_for_answer()
        return self

    def stop(self) -> None:
        """End the worker and its connectors in order."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """End it as a power failure would; `start` goes on from the positions that it had written."""
        if self._process:
            self._process.kill()

    def plugins(self) -> list[str]:
        """The classes of the connectors that it has."""
        return [each["class"] for each in self._rest.get("/connector-plugins").raise_for_status().json()]

    def create(self, name: str, config: Mapping[str, str]) -> None:
        """Add a connector and wait until it runs. ConnectorFailed with its own words when it does not."""
        # The broker makes no topic by itself.
        topics = {"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "-1"}
        whole = {"name": name, **topics, **config}
        made = self._rest.put(f"/connectors/{name}/config", json=whole)
        if made.is_error:
            raise ConnectorFailed("\n".join([made.json()["message"], *self.complaints(whole)]))
        self.wait_until_running(name)

    def complaints(self, config: Mapping[str, str]) -> list[str]:
        """What the connector itself finds wrong in a configuration; the answer to `create` may leave it out."""
        asked = f"/connector-plugins/{config['connector.class']}/config/validate"
        answer = self._rest.put(asked, json=dict(config)).raise_for_status().json()
        values = [each["value"] for each in answer["configs"] if each["value"]]
        return [f"{value['name']}: {error}" for value in values for error in value["errors"]]

    def wait_until_running(self, name: str, seconds: float = _START_SECONDS) -> None:
        """Wait until the connector and its tasks run."""
        deadline = time.monotonic() + seconds
        status: dict[str, Any] = {}
        while time.monotonic() < deadline:
            status = self.status(name)
            parts = [status["connector"], *status["tasks"]] if status else []
            for part in parts:
                if part["state"] == "FAILED":
                    raise ConnectorFailed(part["trace"])
            if len(parts) > 1 and all(part["state"] == "RUNNING" for part in parts):
                return
            time.sleep(0.05)
        raise ConnectorFailed(f"{name} did not run within {seconds:.0f} s: {status}\n{self._log()}")

    def status(self, name: str) -> dict[str, Any]:
        """What the worker says of a connector; empty while it knows none of that name."""
        answer = self._rest.get(f"/connectors/{name}/status")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {}
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def restart(self, name: str) -> None:
        """Have a connector and its tasks begin again, from their positions."""
        self._rest.post(f"/connectors/{name}/restart", params={"includeTasks": "true"}).raise_for_status()
        self.wait_until_running(name)

    def delete(self, name: str) -> None:
        """Remove a connector; its slot in a database stays."""
        self._rest.delete(f"/connectors/{name}").raise_for_status()

    @contextmanager
    def running(self, name: str, config: Mapping[str, str]) -> Iterator[None]:
        """A connector for the length of a block."""
        self.create(name, config)
        try:
            yield
        finally:
            self.delete(name)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._rest.close()

    def _wait_for_answer(self) -> None:
        assert self._process
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                self._rest.get("/connectors").raise_for_status()
                return
            except (httpx.TransportError, httpx.HTTPStatusError):
                assert self._process.status is None, self._log()
                time.sleep(0.05)
        raise AssertionError(f"Kafka Connect does not answer\n{self._log()}")

    def _log(self) -> str:
        return self._process.tail() if self._process else ""


def debezium_postgres(url: str, prefix: str, **more: str) -> dict[str, str]:
    """A connector for a PostgreSQL's database, with a slot and a publication of its own; _ stands for a dot."""
    own = {"plugin.name": "pgoutput", "slot.name": prefix, "publication.name": prefix, "database.dbname": _path(url)}
    return _debezium("io.debezium.connector.postgresql.PostgresConnector", url, prefix) | own | _dotted(more)


def debezium_mysql(url: str, prefix: str, bootstrap: str, **more: str) -> dict[str, str]:
    """A connector for a MySQL's database, or a MariaDB's when the URL says mariadb://; _ stands for a dot."""
    is_mariadb = urlsplit(url).scheme.startswith("mariadb")
    connector = "mariadb.MariaDbConnector" if is_mariadb else "mysql.MySqlConnector"
    own = {
        "database.server.id": str(zlib.crc32(prefix.encode()) % 1_000_000 + 1_000),
        "database.include.list": _path(url),
        "schema.history.internal.kafka.bootstrap.servers": bootstrap,
        "schema.history.internal.kafka.topic": f"{prefix}.history",
    }
    return _debezium(f"io.debezium.connector.{connector}", url, prefix) | own | _dotted(more)


def _debezium(connector: str, url: str, prefix: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {
        "connector.class": connector,
        "tasks.max": "1",
        "topic.prefix": prefix,
        "database.hostname": parts.hostname or "127.0.0.1",
        "database.port": str(parts.port),
        "database.user": unquote(parts.username or ""),
        "database.password": unquote(parts.password or ""),
        "poll.interval.ms": "20",
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    }


def _path(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _dotted(settings: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "."): value for name, value in settings.items()}


@pytest.fixture(scope="session")
def connect(kafka_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    """A worker for this process, at the broker of `kafka`: `with connect.running(name, config): …`."""
    with Connect(tmp_path_factory.mktemp("connect"), kafka_server, jvm_or_skip(256)) as connect:
        yield connect
