"""The proxy itself: a test bed that lies would prove nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.services.proxy import Proxy, proxied


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(1024):
                connection.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def ask(connection: socket.socket, text: bytes) -> bytes:
    connection.sendall(text)
    return connection.recv(1024)


def test_what_is_sent_comes_back(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        assert ask(connection, b"hello") == b"hello"
        assert proxy.connection_count == 1


def test_a_cut_ends_connections_and_lets_new_ones_in(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
            assert ask(connection, b"one") == b"one"
            assert proxy.cut() == 1
            assert connection.recv(1024) == b""
        with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
            assert ask(connection, b"two") == b"two"


def test_nothing_gets_through_while_it_refuses(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy:
        proxy.refuse()
        with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
            assert connection.recv(1024) == b""
        proxy.heal()
        with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
            assert ask(connection, b"again") == b"again"


def test_a_stalled_connection_is_silent_and_then_goes_on(echo: tuple[str, int]) -> None:
    with Proxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        assert ask(connection, b"one") == b"one"
        proxy.stall()
        connection.sendall(b"two")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1024)
        proxy.heal()
        connection.settimeout(10)
        assert connection.recv(1024) == b"two"


def test_a_url_is_led_through_the_proxy() -> None:
    proxy, url = proxied("postgresql://till:secret@127.0.0.1:5432/store")
    with proxy:
        assert url == f"postgresql://till:secret@127.0.0.1:{proxy.port}/store"
