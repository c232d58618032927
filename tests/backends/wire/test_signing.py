"""Requests to a store over HTTP and TLS, against a small server that shows what arrived."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends import errors
from backends.base import Connection, Credentials
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from backends.wire.signing import SignedClient
from backends.wire.trust import ca_bundle
from hooks.commands.processes import LOOPBACK
from tests.servers.certificates import ServingCertificate, serving_certificate
from tests.support import wait

TENANT = Credentials("tenant", Sensitive("the-tenants-secret"))


class Echo(http.server.ThreadingHTTPServer):
    """Keeps the request lines and headers that arrived; answers 200 with `answer`."""

    answer = b"fine"

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _EchoHandler)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []


class _EchoHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Echo

    def do_PATCH(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.path, dict(self.headers.items()), body))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        yield from _served(server)


def _served(server: Echo) -> Iterator[Echo]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()


@pytest.fixture
def certificate(tmp_path: Path) -> ServingCertificate:
    return serving_certificate(tmp_path, LOOPBACK)


@pytest.fixture
def secure_echo(certificate: ServingCertificate) -> Iterator[Echo]:
    with Echo() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield from _served(server)


def _client(server: Echo, scheme: str = "http", path: str = "", **more: object) -> SignedClient:
    endpoint = f"{scheme}://{LOOPBACK}:{server.server_address[1]}{path}"
    connection = Connection(endpoint, endpoint, "us-east-1", TENANT, **more)  # type: ignore[arg-type]
    return SignedClient(endpoint, connection, lambda *_: None)


def _send(client: SignedClient, *path: str, query: dict[str, str] | None = None) -> None:
    try:
        wait(
            client.request(
                "PATCH",
                path,
                operation="test",
                credentials=TENANT,
                deadline=Deadline(5),
                query=query,
                headers={"x-vgw-owner": "owner"},
                body=b"<body/>",
            )
        )
    finally:
        wait(client.close())


def test_path_and_query_are_encoded_and_everything_is_signed(echo: Echo) -> None:
    _send(_client(echo), "a/../b?c", "create", query={"owner": "a&b=c/d", "acl": ""})
    path, headers, body = echo.requests[0]
    assert path == "/a%2F..%2Fb%3Fc/create?acl=&owner=a%26b%3Dc%2Fd"
    assert body == b"<body/>"
    authorization = headers["Authorization"]
    assert "Credential=tenant/" in authorization
    assert "/us-east-1/s3/aws4_request" in authorization
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-vgw-owner" in authorization
    assert "the-tenants-secret" not in str(headers)
    assert headers["User-Agent"] == "s3-resource-operator"


def test_a_path_in_the_endpoint_comes_before_the_requests(echo: Echo) -> None:
    _send(_client(echo, path="/s3"), "bucket")
    assert echo.requests[0][0] == "/s3/bucket"


def test_a_certificate_of_the_given_ca_is_trusted(
    secure_echo: Echo, certificate: ServingCertificate
) -> None:
    _send(_client(secure_echo, "https", ca_bundle=ca_bundle(certificate.authority)), "bucket")
    assert len(secure_echo.requests) == 1


def test_a_certificate_of_an_unknown_ca_is_not(secure_echo: Echo) -> None:
    with pytest.raises(errors.Unavailable, match="its TLS certificate is not trusted"):
        _send(_client(secure_echo, "https"), "bucket")
    assert secure_echo.requests == []


def test_verification_can_be_switched_off(secure_echo: Echo) -> None:
    _send(_client(secure_echo, "https", tls_verify=False), "bucket")
    assert len(secure_echo.requests) == 1


def test_a_spent_deadline_sends_nothing(echo: Echo) -> None:
    client = _client(echo)
    with pytest.raises(errors.TimedOut):
        wait(
            client.request(
                "PATCH", ["bucket"], operation="test", credentials=TENANT, deadline=Deadline(0)
            )
        )
    assert echo.requests == []
    wait(client.close())


def test_an_answer_over_the_limit_is_refused(echo: Echo) -> None:
    client = _client(echo)
    with pytest.raises(errors.ServerFault, match="longer than 2 bytes"):
        wait(
            client.request(
                "PATCH",
                ["bucket"],
                operation="test",
                credentials=TENANT,
                deadline=Deadline(5),
                limit=2,
            )
        )
    wait(client.close())
