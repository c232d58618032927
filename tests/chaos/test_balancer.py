"""The balancer, in front of real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from hooks.commands.processes import LOOPBACK, free_port
from tests.chaos.balancer import Balancer


@contextlib.contextmanager
def server(name: bytes) -> Iterator[int]:
    """Says its name to everybody, and ends the connection."""
    listener = socket.create_server((LOOPBACK, 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(16)
                client.sendall(name)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    with server(b"one") as one, server(b"two") as two:
        yield one, two


def ask(balancer: Balancer) -> bytes:
    with socket.create_connection((LOOPBACK, balancer.port), timeout=5) as client:
        client.sendall(b"who?")
        said = b""
        # A connection that is aborted with the question unread ends in a reset.
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(16):
                said += chunk
        return said


def test_each_connection_goes_to_the_next(ports: tuple[int, int]) -> None:
    with contextlib.closing(Balancer(ports)) as balancer:
        assert [ask(balancer) for _ in range(4)] == [b"one", b"two"] * 2
        assert balancer.passed_over == 0


def test_who_refuses_is_passed_over(ports: tuple[int, int]) -> None:
    with contextlib.closing(Balancer([free_port(), ports[1]])) as balancer:
        assert {ask(balancer) for _ in range(4)} == {b"two"}
        assert balancer.passed_over == 2


def test_who_is_taken_out_gets_nothing_new(ports: tuple[int, int]) -> None:
    with contextlib.closing(Balancer(ports)) as balancer:
        with balancer.without(ports[0]):
            assert {ask(balancer) for _ in range(3)} == {b"two"}
        assert {ask(balancer) for _ in range(2)} == {b"one", b"two"}


def test_nobody_there_ends_the_connection() -> None:
    with contextlib.closing(Balancer([free_port()])) as balancer:
        assert ask(balancer) == b""
