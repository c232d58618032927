"""HTTP_PROXY, HTTPS_PROXY and NO_PROXY: through which proxy a store is reached, if any."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backends import errors
from backends.base import Connection, Credentials
from backends.wire.deadline import Deadline
from backends.wire.pool import HttpPool
from backends.wire.proxies import Proxies, ProxyError
from backends.wire.sensitive import Sensitive
from backends.wire.trust import CaBundle, ca_bundle
from hooks.commands.processes import LOOPBACK, free_port
from hooks.settings.settings import Settings, SettingsError
from tests.authority import Authority
from tests.backends.wire.test_trust import Store
from tests.faults import FaultProxy
from tests.support import ENVIRON, wait

HOST = "store.example.com"
PROXY = "http://proxy.example.com:3128"


class LocalProxy:
    """A forward proxy on the loopback address: it reaches every host at one port.

    Args:
        port: where all that is asked for is, on the loopback address.
        credentials: `user:password` that it asks for, if any.
    """

    def __init__(self, port: int, credentials: str = "") -> None:
        self.asked: list[str] = []
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    line = self.rfile.readline()
                    if not line:
                        return
                    head += line
                method, target, _ = head.split(b"\r\n")[0].split()
                proxy.asked.append(f"{method.decode()} {target.decode()}")
                token = base64.b64encode(credentials.encode())
                if credentials and b"Basic " + token not in head:
                    self.wfile.write(
                        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n"
                        b"Proxy-Authenticate: Basic\r\nConnection: close\r\n\r\n"
                    )
                    return
                with socket.create_connection((LOOPBACK, port)) as other:
                    if method == b"CONNECT":
                        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    else:
                        path = urlsplit(target.decode()).path.encode()
                        other.sendall(head.replace(target, path, 1))
                    proxy._pass_on(self.connection, other)

        self._server = socketserver.ThreadingTCPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://{LOOPBACK}:{self.port}"

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket) -> None:
        peers = {one: other, other: one}
        while ready := select.select([one, other], [], [], 20)[0]:
            for each in ready:
                with contextlib.suppress(OSError):
                    if data := each.recv(65536):
                        peers[each].sendall(data)
                        continue
                return

    def __enter__(self) -> LocalProxy:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def store() -> Iterator[FaultProxy]:
    with FaultProxy(1) as store:
        store.always = "empty"
        yield store


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def ask(url: str, /, bundle: CaBundle | None = None, **variables: str) -> int:
    connection = Connection(
        url,
        url,
        "us-east-1",
        Credentials("a", Sensitive("b")),
        ca_bundle=bundle,
        proxies=Proxies.of(variables),
    )
    pool = HttpPool(url, connection, lambda *_: None, lambda _: ("", ""))
    try:
        sending = pool.send("GET", "/bucket", dict, operation="test", deadline=Deadline(10))
        return wait(sending).status
    finally:
        wait(pool.close())


def test_a_store_is_reached_through_the_proxy(store: FaultProxy) -> None:
    with LocalProxy(port_of(store.url)) as proxy:
        assert ask(f"http://{HOST}:9000", HTTP_PROXY=proxy.url) == 200
        assert proxy.asked == [f"GET http://{HOST}:9000/bucket"]


def test_with_tls_it_is_a_tunnel(store: FaultProxy, tmp_path: Path) -> None:
    authority = Authority("authority")
    (tmp_path / "ca.crt").write_bytes(authority.pem())
    bundle = ca_bundle(tmp_path / "ca.crt")
    secured = Store(store, tmp_path, authority, HOST)
    with LocalProxy(port_of(secured.url)) as proxy:
        assert ask(f"https://{HOST}", bundle, HTTPS_PROXY=proxy.url) == 200
        assert proxy.asked == [f"CONNECT {HOST}:443"]
        # Who is at the tunnel's other end is checked all the same.
        with pytest.raises(errors.Unavailable, match="not trusted"):
            ask(f"https://other.{HOST}", bundle, HTTPS_PROXY=proxy.url)


def test_a_proxys_password_is_sent_and_a_missing_one_is_told(store: FaultProxy) -> None:
    with LocalProxy(port_of(store.url), "somebody:pass word") as proxy:
        known = proxy.url.replace("//", "//somebody:pass%20word@")
        assert ask(f"http://{HOST}", HTTP_PROXY=known) == 200
        with pytest.raises(errors.Misconfigured, match="asks for credentials"):
            ask(f"https://{HOST}", HTTPS_PROXY=proxy.url)


def test_a_proxy_that_is_away_is_told() -> None:
    with pytest.raises(errors.Unavailable, match=r"The proxy can't be reached: .* was refused"):
        ask(f"http://{HOST}", HTTP_PROXY=f"http://{LOOPBACK}:{free_port()}")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_this_machine_is_never_asked_for_through_one(store: FaultProxy, name: str) -> None:
    with LocalProxy(port_of(store.url)) as proxy:
        assert ask(store.url, None, **{name: proxy.url}) == 200
        assert proxy.asked == []


@pytest.mark.parametrize(
    ("url", "exempt"),
    [
        (f"http://{HOST}", HOST),
        (f"http://{HOST}", "example.com"),
        (f"http://{HOST}", ".example.com"),
        (f"http://{HOST}", "*.example.com"),
        (f"http://{HOST}", "other, STORE.example.com ,"),
        (f"http://{HOST}:9000", f"{HOST}:9000"),
        (f"http://{HOST}", f"{HOST}:80"),
        (f"https://{HOST}", f"{HOST}:443"),
        (f"https://{HOST.upper()}.", HOST),
        (f"http://{HOST}", "*"),
        ("http://10.96.0.1:9000", "10.96.0.0/12"),
        ("http://10.96.0.1:9000", "10.96.0.1"),
        ("http://10.96.0.1:9000", "10.96.0.1:9000"),
        ("http://[fd00::1]:9000", "fd00::/8"),
        ("http://[fd00::1]:9000", "fd00::1"),
        ("http://[fd00::1]:9000", "[fd00::1]:9000"),
        ("http://store.team.svc:9000", ".svc,.cluster.local"),
        ("http://localhost:9000", ""),
        ("http://127.1.2.3", ""),
        ("http://[::1]:9000", ""),
    ],
)
def test_no_proxy_is_read_as_go_reads_it(url: str, exempt: str) -> None:
    proxies = Proxies.of({"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, "NO_PROXY": exempt})
    assert proxies.for_url(url) is None


@pytest.mark.parametrize(
    ("url", "exempt"),
    [
        (f"http://{HOST}", ""),
        (f"http://{HOST}", "store.example.co"),
        (f"http://{HOST}", "re.example.com"),
        ("http://example.com", ".example.com"),
        ("http://example.com", "*.example.com"),
        (f"http://{HOST}:9000", f"{HOST}:9001"),
        (f"http://{HOST}", f"{HOST}:443"),
        ("http://10.112.0.1", "10.96.0.0/12"),
        ("http://10.96.0.1", "0.1"),
        ("http://10.96.0.1", "10.96.0.1/99"),
        ("http://[fd00::1]", "10.0.0.0/8"),
        (f"http://{HOST}", "10.0.0.0/8"),
    ],
)
def test_what_no_proxy_does_not_name_goes_through_it(url: str, exempt: str) -> None:
    proxies = Proxies.of({"HTTP_PROXY": PROXY, "NO_PROXY": exempt})
    assert proxies.for_url(url) == PROXY


def test_each_scheme_has_a_variable_of_its_own() -> None:
    proxies = Proxies.of({"https_proxy": "proxy.example.com:3128", "ALL_PROXY": "http://all"})
    assert proxies.for_url(f"https://{HOST}") == PROXY
    assert proxies.for_url(f"http://{HOST}") is None


@pytest.mark.parametrize(
    "proxy", ["socks5://proxy:1080", "http://", "http://proxy:port", "ftp://proxy", "http://[::1"]
)
def test_what_is_no_proxy_is_a_mistake_where_it_is_needed(proxy: str) -> None:
    with pytest.raises(ProxyError):
        Proxies.of({"HTTPS_PROXY": proxy}).for_url(f"https://{HOST}")
    environ = {**ENVIRON, "S3_ENDPOINT_URL": f"https://{HOST}", "HTTPS_PROXY": proxy}
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ)
    assert caught.value.mistakes == [
        "HTTPS_PROXY: must be the http:// or https:// URL of a proxy",
    ]
    # Whoever doesn't need it isn't bothered.
    Settings.load({**environ, "NO_PROXY": HOST})


def test_a_proxys_password_is_in_no_representation() -> None:
    environ = {
        **ENVIRON,
        "S3_ENDPOINT_URL": f"https://{HOST}",
        "HTTPS_PROXY": "http://somebody:the-password@proxy:3128",
    }
    assert "the-password" not in repr(Settings.load(environ))
