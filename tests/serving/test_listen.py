"""Which addresses the ports listen on: IPv4, IPv6, or both."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hooks.commands.processes import free_port
from hooks.serving.server import ListenError, _address, _listen
from tests.serving.test_server import serving
from tests.tools import missing


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.fixture
def ipv6() -> None:
    if not has_ipv6():
        missing("IPv6 on the loopback address")


def reaches(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False


def test_every_address_is_of_both_families(ipv6: None) -> None:
    with _listen("HOOK", "::", 0) as listening:
        port = listening.getsockname()[1]
        assert reaches("127.0.0.1", port)
        assert reaches("::1", port)
        assert _address(listening) == f"[::]:{port}"


def test_an_address_is_of_its_own_family_alone(ipv6: None) -> None:
    with _listen("HOOK", "::1", 0) as listening:
        port = listening.getsockname()[1]
        assert reaches("::1", port)
        assert not reaches("127.0.0.1", port)
    with _listen("HOOK", "0.0.0.0", 0) as listening:  # noqa: S104
        port = listening.getsockname()[1]
        assert reaches("127.0.0.1", port)
        assert not reaches("::1", port)


def test_every_address_is_what_there_is_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with _listen("HOOK", "::", 0) as listening:
        assert listening.family == socket.AF_INET
        assert reaches("127.0.0.1", listening.getsockname()[1])


def test_an_address_that_is_taken_names_the_variables() -> None:
    with _listen("HOOK", "::", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(ListenError, match=f"METRICS_HOST, METRICS_PORT: .*{port}"):
            _listen("METRICS", "127.0.0.1", port)


@pytest.mark.long
def test_the_whole_server_serves_both_families(ipv6: None, tmp_path: Path) -> None:
    with serving(tmp_path, HOOK_HOST="::", METRICS_HOST="[::]") as server:
        for port in (server.port, server.ops_port):
            assert reaches("127.0.0.1", port)
            assert reaches("::1", port)


@pytest.mark.long
def test_the_whole_server_is_served_by_ipv6_alone(ipv6: None, tmp_path: Path) -> None:
    store = free_port()
    with serving(tmp_path, HOOK_HOST="::1", S3_ENDPOINT_URL=f"http://[::1]:{store}") as server:
        url = f"http://[::1]:{server.port}/sync"
        answer = server.pool.request("POST", url)
        assert answer.status == 401
        assert not reaches("127.0.0.1", server.port)
