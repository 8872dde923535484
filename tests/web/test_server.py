"""Where the page listens."""

from __future__ import annotations

import socket

import pytest
from starlette.applications import Starlette

from tillstream.errors import ConfigError
from tillstream.web.server import Server


def test_the_favourite_port_is_taken_by_one_and_the_next_takes_any() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        favourite = probe.getsockname()[1]
    first, second = (Server(Starlette(), favourite=favourite) for _ in range(2))
    try:
        assert first.start() == f"http://127.0.0.1:{favourite}"
        assert second.start() != first.url
    finally:
        first.stop()
        second.stop()


def test_a_port_that_somebody_has_is_an_error() -> None:
    first = Server(Starlette())
    first.start()
    port = int(first.url.rpartition(":")[2])
    try:
        with pytest.raises(ConfigError) as raised:
            Server(Starlette(), port=port).start()
    finally:
        first.stop()
    assert raised.value.message == f"port {port} on 127.0.0.1 can't be used"
